import { once } from 'node:events';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RecordedEvent } from '../../shared/events.js';
import type { ExpectedRevision } from '../../shared/revision.js';
import type { FoldedLog } from '../application/folded-log.js';

const heartbeatMs = 15_000;
const pageSize = 200;

export interface EventStream {
  readonly folded: FoldedLog;
  readonly after: ExpectedRevision;
  /** Matching events after a revision, and up to which revision was looked. */
  readonly page: (
    after: ExpectedRevision,
    limit: number,
  ) => Promise<{ readonly events: readonly RecordedEvent[]; readonly upTo: ExpectedRevision }>;
  readonly present: (recorded: RecordedEvent) => object;
  /** Ends the stream when the server closes. */
  readonly closing: AbortSignal;
}

/**
 * Server-sent events: what was recorded after a revision, then live, each event once and in order; its
 * revision is its id, so a client that lost the connection goes on where it was (`Last-Event-ID`).
 * Events are read as fast as the client takes them, so a slow one costs no memory.
 */
export async function streamEvents(
  request: FastifyRequest,
  reply: FastifyReply,
  stream: EventStream,
): Promise<void> {
  const { folded, page, present, closing } = stream;
  const gone = new AbortController();
  request.raw.on('close', () => gone.abort());
  reply.raw.on('close', () => gone.abort());
  const ended = AbortSignal.any([gone.signal, closing]);
  reply.hijack();
  const out = reply.raw;
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) out.setHeader(name, value);
  }
  out.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  // Without a first byte a client would not know that it is connected.
  out.write(': connected\n\n');
  const heartbeat = setInterval(() => out.write(': still here\n\n'), heartbeatMs);
  let isFresh = true;
  let wake = () => {};
  const unsubscribe = folded.onRecorded(() => {
    isFresh = true;
    wake();
  });
  ended.addEventListener('abort', () => wake(), { once: true });
  try {
    for (let after = stream.after; !ended.aborted; ) {
      // Before the look: what is recorded from here on is not missed.
      isFresh = false;
      const { events, upTo } = await page(after, pageSize);
      for (const each of events) {
        if (ended.aborted) return;
        const text = JSON.stringify(present(each));
        const frame = `id: ${each.revision}\nevent: ${each.event.type}\ndata: ${text}\n\n`;
        if (!out.write(frame)) await drained(out, ended);
      }
      after = upTo;
      if (events.length > 0 || isFresh || ended.aborted) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    unsubscribe();
    clearInterval(heartbeat);
    out.end();
  }
}

async function drained(out: NodeJS.EventEmitter, signal: AbortSignal): Promise<void> {
  try {
    await once(out, 'drain', { signal });
  } catch (error) {
    // Aborted: the loop that asked sees it too.
    if (!signal.aborted) throw error;
  }
}
