import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { AckHistory } from '../../control-plane/distribution/ack-history.js';
import { openClusterDatabase } from '../../control-plane/distribution/cluster-members.js';
import { revision } from '../../shared/revision.js';
import type { RejectedEntry } from '../../shared/snapshot.js';
import { certificateId } from '../support/gateway-fixtures.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { recordingLogger } from './snapshot-fixtures.js';

const retentionMs = 1_000;
const rejected = (n: number): RejectedEntry => ({
  certificateId: certificateId(n),
  hosts: [`host-${n}.test`],
  reason: 'poison',
});

async function openHistory() {
  const database = openClusterDatabase(join(await temporaryDirectory(), 'cluster.sqlite'));
  onTestFinished(() => database.close());
  let now = 0;
  const logger = recordingLogger();
  const history = new AckHistory(database, { retentionMs, clock: () => now, logger });
  onTestFinished(() => history.close());
  return {
    history,
    database,
    logger,
    /** Time `n` is when the node acknowledges revision `n`. */
    ack(n: number, rejections: readonly RejectedEntry[] = [], nodeId = 'a') {
      now = n;
      history.record({ nodeId, ackedAt: n, revision: revision(n), digest: 'd', rejections });
    },
    kept(nodeId = 'a') {
      history.flush();
      const rows = database.prepare<{ revision: number }>(
        'SELECT revision FROM ack WHERE node_id = ? ORDER BY acked_at',
      );
      return rows.all(nodeId).map((row) => row.revision);
    },
  };
}

it('keeps what each node served for as long as it is told to, and what it served at the beginning', async () => {
  const { history, ack, kept } = await openHistory();
  for (const n of [100, 200, 300]) ack(n, [], 'b');
  history.flush();
  for (const n of [100, 200, 300, 1_250]) ack(n);
  expect(kept()).toEqual([200, 300, 1_250]);
  expect(history.at('a', 250)?.revision).toBe(200);
  expect(history.at('a', 299)?.revision).toBe(200);
  expect(history.at('a', 300)?.revision).toBe(300);
  // Rows go when others of their node come.
  expect(kept('b')).toEqual([100, 200, 300]);
});

it('answers nothing about a time that it no longer knows in full', async () => {
  const { history, ack } = await openHistory();
  for (const n of [100, 200, 1_250]) ack(n);
  expect(history.at('a', 249)).toBeUndefined();
  expect(history.at('a', 250)?.revision).toBe(200);
});

it('keeps of what is older whatever says what a host showed whose certificate was rejected', async () => {
  const { history, ack, kept } = await openHistory();
  for (const n of [10, 20]) ack(n);
  for (const n of [30, 40, 50]) ack(n, [rejected(1)]);
  for (const n of [60, 70]) ack(n, [rejected(1), rejected(2)]);
  ack(2_000, [rejected(1), rejected(2)]);
  expect(kept()).toEqual([20, 50, 70, 2_000]);
  const now = history.at('a', 1_500);
  expect(now?.revision).toBe(70);
  expect(now && history.before(now, revision(60))?.revision).toBe(50);
  expect(now && history.before(now, revision(30))?.revision).toBe(20);
  ack(2_001);
  ack(4_000);
  expect(kept()).toEqual([2_001, 4_000]);
});

it('stays as large as it is under changes without end', async () => {
  const { ack, kept } = await openHistory();
  for (let n = 0; n < 20_000; n += 10) {
    ack(n, n % 70 < 20 ? [rejected(n % 30)] : []);
    if (n % 500 === 0) expect(kept().length).toBeLessThanOrEqual(retentionMs / 10 + 60);
  }
  expect(kept().length).toBeLessThanOrEqual(retentionMs / 10 + 12);
});

it('says so where it can not write, and ends nothing else', async () => {
  const { ack, database, logger } = await openHistory();
  database.exec('DROP TABLE ack');
  ack(1);
  await expect
    .poll(() => logger.lines.map(({ message }) => message), { timeout: 5_000 })
    .toEqual(['acknowledgements are lost to the history']);
});
