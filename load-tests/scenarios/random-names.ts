import { parseArgs } from 'node:util';
import { drive } from '../support/handshake-driver.js';
import { HelloFlood } from '../support/hello-flood.js';
import { ManyCertificates, manyHost } from '../support/many-certificates.js';
import { residentBytes } from '../support/process-cpu.js';
import { StandaloneNode } from '../support/standalone-node.js';
import { bar, machine, printTable, quantile } from '../support.js';

/**
 * A flood of hellos with made-up names: what the node keeps of them, and what good clients notice. Three
 * kinds of rounds take turns: quiet, a flood that asks for one made-up name, and one that asks for
 * another each time at the same rate. The rest of the names comes as fast as it is answered.
 */
const { values } = parseArgs({
  options: {
    names: { type: 'string', default: '1000000' },
    rate: { type: 'string', default: '200' },
    'flood-rate': { type: 'string', default: '300' },
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '10' },
    workers: { type: 'string', default: '2' },
  },
});
const names = Number(values.names);
const seconds = Number(values.seconds);
const hosts = 50;
/** Handshakes after which the node's memory is what its work takes, whatever the names. */
const warmUp = 50_000;
const maxGrowth = 8 * 1024 * 1024;
const maxRatio = 1.3;

const node = new StandaloneNode();
const flood = new HelloFlood();
const mint = new ManyCertificates();
const certificates = Array.from({ length: hosts }, (_, n) => mint.next(n));

let failed = 0;
let asked = 0;
async function goodClients(): Promise<number> {
  const driven = await drive({
    port: node.port,
    connections: 8,
    seconds,
    rate: Number(values.rate),
    next: () => {
      const n = Math.floor(Math.random() * hosts);
      return {
        name: manyHost(n),
        isExpected: (shown) => shown === certificates[n]?.fingerprint256,
      };
    },
  });
  failed += driven.failed + driven.wrong;
  return quantile(driven.latenciesMs, 0.99);
}

async function underFlood(isRandom: boolean): Promise<number> {
  const rate = Number(values['flood-rate']);
  flood.start({ port: node.port, count: Number.POSITIVE_INFINITY, rate, isRandom });
  const p99 = await goodClients();
  const { answered } = await flood.stop();
  if (isRandom) asked += answered;
  return p99;
}

async function floodOf(count: number, isRandom: boolean): Promise<void> {
  flood.start({ port: node.port, count, isRandom });
  const { answered, refused } = await flood.done();
  if (refused > 0) console.log(`${refused} hellos were not answered`);
  if (isRandom) asked += answered;
}

try {
  await node.bind(certificates.map((certificate, n) => ({ n, host: manyHost(n), certificate })));
  await node.start({ workers: Number(values.workers) });
  await goodClients();
  await floodOf(warmUp, false);
  const before = residentBytes(node.servingPid);
  const quiet: number[] = [];
  const oneName: number[] = [];
  const random: number[] = [];
  for (let round = 0; round < Number(values.rounds); round += 1) {
    quiet.push(await goodClients());
    oneName.push(await underFlood(false));
    random.push(await underFlood(true));
  }
  await floodOf(Math.max(0, names - asked), true);
  const after = residentBytes(node.servingPid);
  const { contexts } = await node.stats();
  await goodClients();
  const ratio = quantile(random, 0.5) / quantile(quiet, 0.5);
  const grown = after - before;
  const megabytes = (bytes: number) => `${(bytes / 1048576).toFixed(1)} MB`;
  const milliseconds = (p99s: readonly number[]) => `${quantile(p99s, 0.5).toFixed(2)} ms`;
  printTable(`${asked} made-up names`, {
    machine: machine(),
    resident: `${megabytes(before)}, ${megabytes(after)} after them`,
    grown: `${megabytes(grown)}, ${bar(grown <= maxGrowth, `bar: ${megabytes(maxGrowth)}`)}`,
    contexts,
    'p99 of good handshakes, quiet': milliseconds(quiet),
    'under a flood of one name': milliseconds(oneName),
    'under a flood of random names': `${milliseconds(random)}, ${ratio.toFixed(2)} ×, ${bar(ratio <= maxRatio, `bar: ${maxRatio}`)}`,
    'good handshakes failed or wrong': `${failed}, ${bar(failed === 0, 'bar: 0')}`,
  });
} finally {
  await flood.close();
  await node.stop();
}
