import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  readonly withinMs?: number;
  readonly everyMs?: number;
}

/** Repeats `attempt` until it passes. @throws what the last attempt threw, once the time is over. */
export async function eventually<T>(
  attempt: () => Promise<T> | T,
  { withinMs = 5_000, everyMs = 10 }: EventuallyOptions = {},
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() >= deadline) throw error;
    }
    await delay(everyMs);
  }
}
