import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits, until `signal` aborts at the longest. Does not throw for that: whoever waits in a loop looks at the
 * signal next.
 *
 * @param ref whether the wait keeps the process alive.
 */
export async function pauseUntilAborted(
  ms: number,
  signal: AbortSignal,
  { ref = true }: { readonly ref?: boolean } = {},
): Promise<void> {
  try {
    await delay(ms, undefined, { signal, ref });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
