import { expect, it, onTestFinished } from 'vitest';
import { NodeHealthReport } from '../../data-plane/node-health.js';
import { sumStats } from '../../data-plane/serving/serving-stats.js';
import { recordingLogger } from './snapshot-fixtures.js';

it('a node tells of workers that come and go, and not of each look at them', async () => {
  let workers = 2;
  const report = new NodeHealthReport({
    stats: async () => ({ ...sumStats([]), workers }),
    workersWanted: 2,
    hasSnapshot: () => true,
    logger: recordingLogger(),
  });
  onTestFinished(() => report.close());
  await report.refresh();
  const told: number[] = [];
  report.watch(() => told.push(report.current.workers));
  await report.refresh();
  workers = 0;
  await report.refresh();
  expect(report.current.ready).toBe(false);
  workers = 2;
  await report.refresh();
  expect(told).toEqual([0, 2]);
});
