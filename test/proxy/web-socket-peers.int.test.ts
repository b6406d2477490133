import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { useScene } from './support/scene.js';
import { TlsFiles } from './support/tls-files.js';
import { expectedResults, runCases } from './support/web-socket-cases.js';
import { startEcho } from './support/web-socket-echo.js';

const scene = useScene();
const tls = new TlsFiles('DNS:a.test');
afterAll(() => tls.remove());

const script = join(import.meta.dirname, 'support/web_socket_peer.py');
const python = '/usr/bin/python3';
const hasPython = canImport();
if (!hasPython) {
  console.warn('python3-websockets is not installed: WebSockets are tested with ws alone');
}

const opened: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0)) await close();
});

interface Peer {
  readonly name: string;
  readonly isThere: boolean;
  /** Starts a server and returns its port. */
  serve(): Promise<number>;
  run(url: string, port: number): Promise<object>;
}

const peers: readonly Peer[] = [
  {
    name: 'ws',
    isThere: true,
    async serve() {
      const echo = await startEcho();
      opened.push(() => echo.close());
      return echo.port;
    },
    run: runCases,
  },
  {
    name: 'websockets',
    isThere: hasPython,
    async serve() {
      const server = spawn(python, [script, 'server'], { stdio: ['ignore', 'pipe', 'inherit'] });
      opened.push(async () => {
        const exited = once(server, 'exit');
        server.kill();
        await exited;
      });
      const [port] = await once(server.stdout, 'data');
      return Number(port);
    },
    async run(url, port) {
      const client = spawn(python, [script, 'client', url, `${port}`], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      client.stdout.on('data', (data) => {
        output += data;
      });
      const [code] = await once(client, 'close');
      if (code !== 0) throw new Error(`the client ended with ${code}`);
      return JSON.parse(output);
    },
  },
];

describe.each(['ws', 'wss'] as const)('over %s', (scheme) => {
  for (const client of peers) {
    for (const server of peers) {
      const isThere = client.isThere && server.isThere;
      it.runIf(isThere)(`${client.name} speaks with ${server.name} as without us`, async () => {
        const upstream = `http://127.0.0.1:${await server.serve()}`;
        const gateway = await scene.gateway({ apis: [{ host: 'a.test', upstream }], tls });
        const port = scheme === 'ws' ? gateway.httpPort : gateway.httpsPort;
        const results = await client.run(`${scheme}://a.test:${port}/chat`, port);
        expect(results).toEqual(expectedResults);
      });
    }
  }
});

function canImport(): boolean {
  try {
    execFileSync(python, ['-c', 'import websockets'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
