import type { FastifyReply } from 'fastify';
import type { RecordedEvent } from '../../shared/events.js';
import type { ExpectedRevision } from '../../shared/revision.js';
import { Wakeup } from '../../shared/wakeup.js';
import type { FoldedLog } from '../application/folded-log.js';
import { ServerSentStream } from './server-sent-stream.js';

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
  reply: FastifyReply,
  { folded, after: start, page, present, closing }: EventStream,
): Promise<void> {
  const stream = new ServerSentStream(reply, closing);
  const { ended } = stream;
  const recorded = new Wakeup();
  const unsubscribe = folded.onRecorded(() => recorded.notify());
  ended.addEventListener('abort', () => recorded.notify(), { once: true });
  try {
    for (let after = start; !ended.aborted; ) {
      // Before the look: what is recorded from here on is not missed.
      const more = recorded.next();
      const { events, upTo } = await page(after, pageSize);
      for (const each of events) {
        if (ended.aborted) return;
        const text = JSON.stringify(present(each));
        await stream.send(`id: ${each.revision}\nevent: ${each.event.type}\ndata: ${text}\n\n`);
      }
      after = upTo;
      if (events.length === 0 && !ended.aborted) await more;
    }
  } finally {
    unsubscribe();
    stream.close();
  }
}
