import { once } from 'node:events';
import { setTimeout as rest } from 'node:timers/promises';
import type { FastifyReply } from 'fastify';

const heartbeatMs = 15_000;
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
export async function streamLatest(reply: FastifyReply, stream: LatestStream): Promise<void> {
  const { event, present, watch, closing } = stream;
  const gone = new AbortController();
  const out = reply.raw;
  out.on('close', () => gone.abort());
  const ended = AbortSignal.any([gone.signal, closing]);
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) out.setHeader(name, value);
  }
  out.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  const heartbeat = setInterval(() => out.write(': still here\n\n'), heartbeatMs);
  let isFresh = true;
  let wake = () => {};
  const unwatch = watch(() => {
    isFresh = true;
    wake();
  });
  ended.addEventListener('abort', () => wake(), { once: true });
  try {
    while (!ended.aborted) {
      isFresh = false;
      const frame = `event: ${event}\ndata: ${JSON.stringify(present())}\n\n`;
      if (!out.write(frame)) await once(out, 'drain', { signal: ended }).catch(ignoreAbort);
      await rest(restMs, undefined, { signal: ended }).catch(ignoreAbort);
      if (isFresh || ended.aborted) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    unwatch();
    clearInterval(heartbeat);
    out.end();
  }
}

/** Whoever waits looks at the signal next. @throws what is no abort */
function ignoreAbort(error: unknown): void {
  if (!(error instanceof Error && error.name === 'AbortError')) throw error;
}
