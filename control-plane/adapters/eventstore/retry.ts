import { pauseUntilAborted } from '../../../shared/pause.js';
import { StoreCallError } from './event-store-connection.js';
import type { StoreFailure } from './worker-protocol.js';

export interface RetryOptions {
  /** After this long the last failure is reported. */
  readonly deadlineMs: number;
  /** Ends the waiting; the signal's reason is thrown. */
  readonly signal: AbortSignal;
}

export type RetryOutcome<Answer> =
  | { readonly answer: Answer; readonly failure?: never }
  /** What was the matter at the last try, and whether any try may have been carried out. */
  | { readonly answer?: never; readonly failure: StoreFailure; readonly maybeDone: boolean };

/**
 * Tries the same call again, with growing, jittered pauses, as long as its failure may pass. Answers
 * or tells the last failure; throws only what is no failure of the store.
 */
export async function retried<Answer>(
  options: RetryOptions,
  call: () => Promise<Answer>,
): Promise<RetryOutcome<Answer>> {
  const deadline = Date.now() + options.deadlineMs;
  let maybeDone = false;
  for (let attempt = 0; ; attempt++) {
    options.signal.throwIfAborted();
    try {
      return { answer: await abortable(call(), options.signal) };
    } catch (error) {
      if (!(error instanceof StoreCallError)) throw error;
      maybeDone ||= error.failure.maybeDone;
      if (error.failure.fate !== 'retry' || Date.now() >= deadline) {
        return { failure: error.failure, maybeDone };
      }
    }
    await backOff(attempt, options.signal);
  }
}

/** Waits 10 ms at first, doubled each time up to a second, minus up to half by chance; no longer than `signal`. */
export function backOff(attempt: number, signal: AbortSignal): Promise<void> {
  const longest = Math.min(1000, 10 * 2 ** attempt);
  return pauseUntilAborted(longest * (0.5 + Math.random() / 2), signal);
}

/** `work`, or the signal's reason if that comes first; `work` then goes on unobserved. */
export async function abortable<Result>(
  work: Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
