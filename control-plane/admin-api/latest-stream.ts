import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyReply } from 'fastify';
import { Wakeup } from '../../shared/wakeup.js';
import { ServerSentStream } from './server-sent-stream.js';

/** Many changes in a row are one for whoever watches: at most four a second are sent. */
const restMs = 250;

export interface LatestStream {
  /** Name of the server-sent events. */
  readonly event: string;
  /** What it is now; only the last of several changes is asked for. */
  readonly present: () => object;
  /** Calls `changed` after each change. Returns how to end it. */
  readonly watch: (changed: () => void) => () => void;
  /** Ends the stream when the server closes. */
  readonly closing: AbortSignal;
}

/**
 * Server-sent events of a value as it is now and after each change: latest wins, so that a client that
 * takes them slowly skips some and costs no memory.
 */
export async function streamLatest(
  reply: FastifyReply,
  { event, present, watch, closing }: LatestStream,
): Promise<void> {
  const stream = new ServerSentStream(reply, closing);
  const { ended } = stream;
  const changed = new Wakeup();
  const unwatch = watch(() => changed.notify());
  ended.addEventListener('abort', () => changed.notify(), { once: true });
  try {
    while (!ended.aborted) {
      // Before the look: a change from here on is not missed.
      const more = changed.next();
      await stream.send(`event: ${event}\ndata: ${JSON.stringify(present())}\n\n`);
      await Promise.all([more, rest(restMs, ended)]);
    }
  } finally {
    unwatch();
    stream.close();
  }
}

async function rest(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
