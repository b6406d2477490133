import { expect, it, onTestFinished, vi } from 'vitest';
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

it('a node whose processes hang is not ready, until they answer again', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  let answer: Promise<void> = Promise.resolve();
  let resume = () => {};
  const report = new NodeHealthReport({
    stats: () => answer.then(() => ({ ...sumStats([]), workers: 2 })),
    workersWanted: 2,
    hasSnapshot: () => true,
    logger: recordingLogger(),
  });
  onTestFinished(() => report.close());
  await report.refresh();
  const told: boolean[] = [];
  report.watch(() => told.push(report.current.ready));
  answer = new Promise((resolve) => {
    resume = resolve;
  });
  await vi.advanceTimersByTimeAsync(4_000);
  expect(report.current).toMatchObject({ ready: true, workers: 2 });
  await vi.advanceTimersByTimeAsync(4_000);
  expect(report.current).toMatchObject({ ready: false, workers: 0 });
  resume();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(report.current).toMatchObject({ ready: true, workers: 2 });
  expect(told).toEqual([false, true]);
});
