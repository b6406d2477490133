import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { type AdminAnswer, idOf } from '../../test/support/admin-client.js';
import { TestCa } from '../../test/support/test-ca.js';
import { LoopbackFleet } from '../fleet.js';
import { printHistogram } from '../histogram.js';
import { SimulatedSubscribers } from '../simulated-subscribers.js';
import { proofCpuMs } from '../support/proof-cpu.js';
import { bar, machine, printTable, quantile } from '../support.js';

/**
 * From sending an upload to its answer with `wait=applied`: every node has stored it, every worker of
 * every node serves it, and each node has proved it with a handshake on its own listener. Simulated
 * subscribers speak the node protocol and answer at once, without a store and workers.
 */
const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '2' },
    subscribers: { type: 'string', default: '0' },
    uploads: { type: 'string', default: '1000' },
    'warm-ups': { type: 'string', default: '200' },
  },
});
const nodes = Number(values.nodes);
const host = 'propagation.test';
const barsMs = { p50: 15, p99: 50 };
/** Until then an upload costs up to a third more: what is run often is still being compiled. */
const warmUps = Number(values['warm-ups']);

const fleet = new LoopbackFleet();
const subscribers = new SimulatedSubscribers();
try {
  const ca = await TestCa.create();
  // Before there is a fleet on the same cores.
  const proofMs = await proofCpuMs(await ca.issue([host]));
  const floorMs = (nodes * proofMs) / Math.min(nodes, availableParallelism());
  await fleet.start(nodes, ['--workers', '1', '--log-level', 'warn']);
  await subscribers.start(fleet, Number(values.subscribers));
  await fleet.admin.addApi('propagation', host, 'http://127.0.0.1:9');
  const pluginId = idOf(await fleet.admin.bind('propagation', await ca.issue([host]), 'applied'));
  const rotate = async () => {
    const certificate = await ca.issue([host]);
    const startedAt = performance.now();
    const answer = await fleet.admin.rebind('propagation', pluginId, certificate, 'applied');
    checkApplied(answer);
    return performance.now() - startedAt;
  };
  for (let warmUp = 0; warmUp < warmUps; warmUp++) await rotate();
  const takenMs: number[] = [];
  const before = fleet.cpuUs();
  for (let upload = 0; upload < Number(values.uploads); upload++) takenMs.push(await rotate());
  const after = fleet.cpuUs();
  const cpuMs = (of: keyof typeof after, parts: number) =>
    `${((after[of] - before[of]) / 1000 / parts / takenMs.length).toFixed(2)}`;

  const [p50, p99] = [quantile(takenMs, 0.5), quantile(takenMs, 0.99)];
  const watchers = `${nodes} nodes, ${subscribers.count} simulated subscribers`;
  printHistogram(`Admin request to the last node's proof, ${watchers}`, takenMs);
  printTable('Quantiles', {
    machine: machine(),
    uploads: `${takenMs.length}, after ${warmUps} to warm up`,
    'p50 ms': `${p50.toFixed(1)}  ${bar(p50 <= barsMs.p50, `bar: ≤ ${barsMs.p50} ms`)}`,
    'p99 ms': `${p99.toFixed(1)}  ${bar(p99 <= barsMs.p99, `bar: ≤ ${barsMs.p99} ms`)}`,
    'longest ms': Math.max(...takenMs).toFixed(1),
    'CPU ms of the control plane, an upload': cpuMs('controlPlane', 1),
    'CPU ms of a supervisor, an upload': cpuMs('supervisors', nodes),
    'CPU ms of a serving process, an upload': cpuMs('serving', nodes),
    "CPU ms of a proof's handshake alone, both sides": proofMs.toFixed(2),
    'so these cores need for the proofs at least, ms': floorMs.toFixed(1),
  });
} finally {
  subscribers.close();
  await fleet.close();
}

function checkApplied({ status, headers }: AdminAnswer): void {
  const applied: { complete?: boolean } = JSON.parse(headers.get('signet-applied') ?? '{}');
  if (status !== 200 || applied.complete !== true) {
    throw new Error(`${status}, and not every node serves it: ${headers.get('signet-applied')}`);
  }
}
