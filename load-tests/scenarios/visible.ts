import { parseArgs } from 'node:util';
import { idOf } from '../../test/support/admin-client.js';
import { shownLeaf } from '../../test/support/shown-leaf.js';
import { TestCa } from '../../test/support/test-ca.js';
import { LoopbackFleet } from '../fleet.js';
import { bar, machine, printTable, quantile } from '../support.js';

/**
 * From sending an admin write to the first new handshake that shows it, on every one of two nodes.
 * The probing handshakes are part of the time and of the load.
 */
const barMs = 50;
const { values } = parseArgs({
  options: {
    writes: { type: 'string', default: '100' },
    nodes: { type: 'string', default: '2' },
  },
});
const host = 'visible.test';
const giveUpAfterMs = 5_000;

const fleet = new LoopbackFleet();
try {
  await fleet.start(Number(values.nodes), ['--workers', '1']);
  const ca = await TestCa.create();
  await fleet.admin.addApi('visible', host, 'http://127.0.0.1:9');
  const pluginId = idOf(await fleet.admin.bind('visible', await ca.issue([host])));

  const visibleMs: number[] = [];
  const answeredMs: number[] = [];
  for (let write = 0; write < Number(values.writes); write++) {
    const certificate = await ca.issue([host]);
    const startedAt = performance.now();
    const answered = fleet.admin.rebind('visible', pluginId, certificate).then((answer) => {
      if (answer.status !== 200) throw new Error(`the write was answered with ${answer.status}`);
      answeredMs.push(performance.now() - startedAt);
    });
    await Promise.all([
      answered,
      ...fleet.tlsPorts.map((port) => untilShown(port, certificate.fingerprint256, startedAt)),
    ]);
    visibleMs.push(performance.now() - startedAt);
  }

  const median = quantile(visibleMs, 0.5);
  printTable(`Admin write to new handshake on ${fleet.tlsPorts.length} nodes`, {
    machine: machine(),
    writes: visibleMs.length,
    'answered, median ms': quantile(answeredMs, 0.5).toFixed(1),
    'visible, median ms': median.toFixed(1),
    'visible, p99 ms': quantile(visibleMs, 0.99).toFixed(1),
    'visible, longest ms': Math.max(...visibleMs).toFixed(1),
    median: bar(median < barMs, `bar: < ${barMs} ms`),
  });
} finally {
  await fleet.close();
}

async function untilShown(port: number, fingerprint256: string, startedAt: number): Promise<void> {
  while ((await shownLeaf(port, host)) !== fingerprint256) {
    if (performance.now() - startedAt > giveUpAfterMs) {
      throw new Error(`port ${port} does not show the new leaf after ${giveUpAfterMs} ms`);
    }
  }
}
