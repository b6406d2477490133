import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Topology } from './topology.js';

/**
 * `npm run fleet`: the topology of `docker-compose.yml` as processes on loopback, until Ctrl-C.
 * With `--event-log esdb://…` two control planes share it, else one has the embedded log.
 */
const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '3' },
    'event-log': { type: 'string' },
    'data-dir': { type: 'string', default: './signet-data-fleet' },
    'http-port': { type: 'string', default: '8000' },
    'https-port': { type: 'string', default: '8443' },
    'upstream-port': { type: 'string', default: '3000' },
  },
});
const eventLog = values['event-log'];
const root = resolve(values['data-dir']);
const topology = new Topology({
  directory(name) {
    const path = join(root, name);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  },
  nodes: Number(values.nodes),
  balancerPorts: { http: Number(values['http-port']), https: Number(values['https-port']) },
  ...(eventLog === undefined ? {} : { eventLog }),
});
const upstream = createServer((request, response) => {
  response.end(`hello from ${request.headers.host}\n`);
});

const stopped = new Promise<void>((stop) => {
  process.once('SIGINT', () => stop());
  process.once('SIGTERM', () => stop());
});
try {
  await topology.start();
  upstream.listen(Number(values['upstream-port']), '127.0.0.1');
  describe();
  await stopped;
} finally {
  upstream.close();
  await topology.close('stop');
}

function describe(): void {
  const { http, https } = topology.balancerPorts;
  const lines = [
    ...topology.controlPlanes.map(({ adminUrl }, n) => `control plane ${n + 1}  ${adminUrl}`),
    ...topology.nodes.map(({ tlsPort, statusUrl }, n) => {
      return `node ${n + 1}           https://127.0.0.1:${tlsPort}, ${statusUrl}/status`;
    }),
    `balancer         https://127.0.0.1:${https}, http://127.0.0.1:${http}`,
    `upstream         http://127.0.0.1:${values['upstream-port']}`,
    `data             ${root}`,
  ];
  console.log(`\n  ${lines.join('\n  ')}\n\n  Ctrl-C ends all of it.\n`);
}
