import { parseArgs } from 'node:util';
import autocannon from 'autocannon';
import { TestCa } from '../../test/support/test-ca.js';
import { LoopbackFleet } from '../fleet.js';
import { perConnection } from '../handshake-client.js';
import { bar, machine, printTable, quantile } from '../support.js';

/**
 * A new TLS connection for each request, over many SNI names, uniformly. Every leaf that is shown is
 * compared with the one that was uploaded. The requests name no API in `Host`, so the gateway answers
 * by itself and the figure is the handshake's.
 */
const { values } = parseArgs({
  options: {
    names: { type: 'string', default: '200' },
    connections: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '5' },
    workers: { type: 'string', default: '1' },
  },
});

const fleet = new LoopbackFleet();
try {
  await fleet.start(1, ['--workers', values.workers]);
  const uploaded = await upload(Number(values.names));
  const names = [...uploaded.keys()];
  const latenciesMs: number[] = [];
  let wrong = 0;

  const result = await autocannon({
    url: `https://127.0.0.1:${fleet.gateway.tlsPort}/`,
    connections: Number(values.connections),
    duration: Number(values.seconds),
    reconnectRate: 1,
    headers: { host: 'no-api.test' },
    setupClient: perConnection({
      nextName: () => names[Math.floor(Math.random() * names.length)] ?? '',
      onConnection: ({ name, fingerprint256, elapsedMs }) => {
        latenciesMs.push(elapsedMs);
        if (uploaded.get(name) !== fingerprint256) wrong++;
      },
    }),
  });

  const handshakes = latenciesMs.length;
  printTable(`Full handshakes, ${names.length} names, ${values.connections} connections`, {
    machine: machine(),
    'handshakes/s': Math.round(handshakes / result.duration),
    'p50 ms': quantile(latenciesMs, 0.5).toFixed(2),
    'p99 ms': quantile(latenciesMs, 0.99).toFixed(2),
    errors: result.errors + result.timeouts,
    'wrong leaf': wrong,
    'no error': bar(result.errors + result.timeouts + wrong === 0 && handshakes > 0, 'bar: 0'),
  });
} finally {
  await fleet.close();
}

/** One API and certificate for each name. @returns the leaves' fingerprints by name. */
async function upload(count: number): Promise<Map<string, string>> {
  const ca = await TestCa.create();
  const uploaded = new Map<string, string>();
  for (let index = 0; index < count; index++) {
    const name = `host-${index}.test`;
    const certificate = await ca.issue([name]);
    await fleet.admin.addApi(`host-${index}`, name, 'http://127.0.0.1:9');
    const isLast = index === count - 1;
    const { status } = await fleet.admin.bind(
      `host-${index}`,
      certificate,
      isLast ? 'applied' : undefined,
    );
    if (status !== 201) throw new Error(`upload of ${name} was answered with ${status}`);
    uploaded.set(name, certificate.fingerprint256);
  }
  return uploaded;
}
