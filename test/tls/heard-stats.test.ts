import { expect, it, onTestFinished, vi } from 'vitest';
import { HeardStats } from '../../data-plane/serving/heard-stats.js';
import { type ServingStats, sumStats } from '../../data-plane/serving/serving-stats.js';

it('a process that hangs keeps nobody waiting, and serves nothing after five seconds', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  let asked = 0;
  let answer: Promise<ServingStats | undefined> = Promise.resolve({
    ...sumStats([]),
    workers: 2,
    requestsTotal: 7,
  });
  const heard = new HeardStats(() => {
    asked += 1;
    return answer;
  });
  const readAfter = async (ms: number) => {
    const read = heard.read();
    await vi.advanceTimersByTimeAsync(ms);
    return read;
  };
  expect(await readAfter(0)).toMatchObject({ workers: 2, requestsTotal: 7 });
  let resume = (_stats: ServingStats | undefined) => {};
  answer = new Promise((resolve) => {
    resume = resolve;
  });
  expect(await readAfter(500)).toMatchObject({ workers: 2, requestsTotal: 7 });
  await vi.advanceTimersByTimeAsync(3_500);
  expect(await readAfter(500)).toMatchObject({ workers: 2, requestsTotal: 7 });
  await vi.advanceTimersByTimeAsync(500);
  expect(await readAfter(500)).toMatchObject({ workers: 0, requestsTotal: 7 });
  expect(asked).toBe(2);
  resume({ ...sumStats([]), workers: 2, requestsTotal: 8 });
  await vi.advanceTimersByTimeAsync(0);
  const last = { ...sumStats([]), workers: 2, requestsTotal: 9 };
  answer = Promise.resolve(last);
  expect(await readAfter(0)).toEqual(last);
  answer = Promise.resolve(undefined);
  expect(await readAfter(0)).toBeUndefined();
});
