import { ApiProblem, openEventStream } from '../api/client.js';
import { EventParser } from '../api/server-sent-events.js';
import type { Overview } from '../api/types.js';
import { createStore } from './store.js';

/** What the control plane last said of the whole, and whether it still would. */
export interface Live {
  readonly connection: 'connecting' | 'live' | 'lost';
  readonly overview?: Overview;
}

export const live = createStore<Live>({ connection: 'connecting' });

const firstPauseMs = 500;
const longestPauseMs = 8_000;
/** The control plane gives a sign of life every 15 seconds. */
const silenceMs = 40_000;

/** Follows the control plane until told to stop; comes back by itself after a loss. */
export function followLive(signal: AbortSignal): void {
  void (async () => {
    for (
      let pauseMs = firstPauseMs;
      !signal.aborted;
      pauseMs = Math.min(pauseMs * 2, longestPauseMs)
    ) {
      try {
        await followOnce(signal, () => {
          pauseMs = firstPauseMs;
        });
      } catch (error) {
        if (signal.aborted) return;
        // The session ends, and this with it.
        if (error instanceof ApiProblem && error.status === 401) return;
      }
      live.set({ ...live.value, connection: 'lost' });
      await pause(pauseMs, signal);
    }
  })();
}

async function followOnce(signal: AbortSignal, onEvent: () => void): Promise<void> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), silenceMs);
  try {
    const stream = await openEventStream('/overview', AbortSignal.any([signal, silence.signal]));
    const parser = new EventParser();
    const reader = stream.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), silenceMs);
      for (const { data } of parser.push(value)) {
        onEvent();
        live.set({ connection: 'live', overview: JSON.parse(data) });
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
