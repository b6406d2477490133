import { expect, it, onTestFinished } from 'vitest';
import type { EventLog } from '../../control-plane/ports/event-log.js';
import { type ExpectedRevision, revision } from '../../shared/revision.js';
import {
  appendAnyhow,
  CollectingConsumer,
  range,
  readAll,
  someEvent,
  someEvents,
} from '../support/log-events.js';
import { boundaries, type OpenLog, pick } from './event-log-harness.js';

/** Points 7 to 12 and 14. */
export function itReadsAndSubscribes(open: OpenLog): void {
  it('7: a subscription begun amid concurrent writes delivers each revision once, in order', async () => {
    const { log, another } = await open();
    const other = await another();
    const writing = [log, other, log].map(async (writer) => {
      for (let n = 0; n < 40; n++) await appendAnyhow(writer, 1 + (n % 3));
    });
    const late = new CollectingConsumer();
    const early = new CollectingConsumer();
    subscribe(other, 'empty', early);
    await early.has(60);
    subscribe(log, 'empty', late);
    await Promise.all(writing);
    const total = (await readAll(log)).length;
    for (const consumer of [early, late]) {
      await consumer.has(total);
      expect(consumer.revisions).toEqual(range(total));
    }
  });

  it('7: a subscription after a revision starts at the next one', async () => {
    const { log } = await open();
    await log.append('empty', someEvents(5));
    const consumer = new CollectingConsumer();
    subscribe(log, revision(2), consumer);
    await consumer.isCaughtUp();
    await appendAnyhow(log, 2);
    await consumer.has(4);
    expect(consumer.revisions).toEqual([3, 4, 5, 6]);
    expect(consumer.caughtUpAt[0]).toBe(4);
  });

  it('7: a subscription to an empty log is caught up at once', async () => {
    const { log } = await open();
    const consumer = new CollectingConsumer();
    subscribe(log, 'empty', consumer);
    await consumer.isCaughtUp();
    expect(consumer.caughtUpAt).toEqual(['empty']);
    await log.append('empty', someEvents(1));
    await consumer.has(1);
  });

  for (const boundary of boundaries) {
    it(`8: a connection cut ${boundary} loses nothing and repeats nothing`, async () => {
      const { log, faults, another } = await open();
      await log.append('empty', someEvents(60));
      // Without a connection there is only the process that can go away: see the next point.
      faults?.cutSubscription(boundary);
      const consumer = new CollectingConsumer();
      subscribe(log, 'empty', consumer);
      if (boundary === 'live') await consumer.has(60);
      const other = await another();
      for (let n = 0; n < 5; n++) await appendAnyhow(other, 4);
      await consumer.has(80);
      expect(consumer.revisions).toEqual(range(80));
    });
  }

  it('9: a consumer that throws ends its subscription; resumed, it has lost nothing', async () => {
    const { log } = await open();
    await log.append('empty', someEvents(30));
    const consumer = new CollectingConsumer();
    const failure = new Error('consumer failed');
    await expect(
      log.subscribe(
        'empty',
        {
          events: async (batch) => {
            if (batch.some((event) => event.revision >= 10)) throw failure;
            await consumer.events(batch);
          },
          caughtUp: () => undefined,
        },
        new AbortController().signal,
      ),
    ).rejects.toBe(failure);
    const last = consumer.received.at(-1)?.revision ?? 'empty';
    subscribe(log, last, consumer);
    await consumer.has(30);
    expect(consumer.revisions).toEqual(range(30));
  });

  it('9: a consumer that stalls loses nothing and is not flooded', async () => {
    const { log } = await open();
    const consumer = new CollectingConsumer();
    const stalled = signalled();
    const go = signalled();
    let isFirst = true;
    subscribe(log, 'empty', {
      events: async (batch) => {
        if (isFirst) {
          isFirst = false;
          stalled.resolve();
          await go.promise;
        }
        await consumer.events(batch);
      },
      caughtUp: () => undefined,
    });
    await appendAnyhow(log, 1);
    await stalled.promise;
    for (let n = 0; n < 20; n++) {
      const data = Buffer.alloc(100_000, n);
      await log.append(await log.head(), [someEvent({ data }), someEvent({ data })]);
    }
    go.resolve();
    await consumer.has(41);
    expect(consumer.revisions).toEqual(range(41));
    // One batch is bounded in bytes, so it cannot be all of the 4 MB that piled up.
    expect(Math.max(...consumer.batchSizes)).toBeLessThan(25);
  });

  it('10: what an append answered is seen by every read that follows it, on any instance', async () => {
    const { log, another } = await open();
    const other = await another();
    for (let n = 0; n < 10; n++) {
      const event = someEvent();
      const { last } = await log.append(await log.head(), [event]);
      expect(await other.head()).toBe(last);
      expect((await readAll(other, last)).map(({ id }) => id)).toEqual([event.id]);
    }
  });

  it('11: a checkpoint beyond the head is refused: it comes from another log', async () => {
    const { log } = await open();
    const noEnd = new AbortController().signal;
    const consumer = new CollectingConsumer();
    await expect(log.subscribe(revision(0), consumer, noEnd)).rejects.toMatchObject({
      code: 'SIGNET_CHECKPOINT_BEYOND_HEAD',
      checkpoint: 0,
      head: 'empty',
    });
    await log.append('empty', someEvents(2));
    await expect(log.subscribe(revision(2), consumer, noEnd)).rejects.toMatchObject({
      code: 'SIGNET_CHECKPOINT_BEYOND_HEAD',
      checkpoint: 2,
      head: 1,
    });
  });

  it('12: after a trim, reading from before it says "trimmed" and never skips silently', async () => {
    const { log, another } = await open();
    await log.append('empty', someEvents(10));
    await log.trim(revision(6));
    const noEnd = new AbortController().signal;
    for (const reader of [log, await another()]) {
      await expect(readAll(reader, 5)).rejects.toMatchObject({
        code: 'SIGNET_LOG_TRIMMED',
        first: 6,
      });
      const consumer = new CollectingConsumer();
      for (const after of ['empty', revision(4)] as const) {
        await expect(reader.subscribe(after, consumer, noEnd)).rejects.toMatchObject({
          code: 'SIGNET_LOG_TRIMMED',
          first: 6,
        });
      }
      expect(consumer.received).toEqual([]);
      expect((await readAll(reader, 6)).map((event) => event.revision)).toEqual(range(4, 6));
    }
    const consumer = new CollectingConsumer();
    subscribe(log, revision(5), consumer);
    await consumer.has(4);
    expect(consumer.revisions).toEqual(range(4, 6));
  });

  it('12: trimming everything keeps the head, and revisions go on', async () => {
    const { log } = await open();
    await log.append('empty', someEvents(3));
    await log.trim(revision(3));
    expect(await log.head()).toBe(2);
    await expect(log.append('empty', someEvents(1))).rejects.toMatchObject({ actual: 2 });
    expect(await log.append(revision(2), someEvents(1))).toEqual({ first: 3, last: 3 });
    expect((await readAll(log, 3)).map((event) => event.revision)).toEqual([3]);
  });

  it('14: closing settles appends, reads and subscriptions, and refuses later calls', async () => {
    const { log, another } = await open();
    await log.append('empty', someEvents(40));
    const closing = await another();
    const consumer = new CollectingConsumer();
    const subscription = closing.subscribe('empty', consumer, new AbortController().signal);
    const ended = expect(subscription).rejects.toMatchObject({ code: 'SIGNET_LOG_CLOSED' });
    await consumer.isCaughtUp();
    const events = someEvents(1);
    const append = closing.append(revision(39), events).then(
      () => 'written',
      (error: unknown) => error,
    );
    const read = readAll(closing).catch((error: unknown) => error);
    await closing.close();
    await closing.close();
    await ended;
    const outcome = await append;
    await read;
    const isThere = (await readAll(log)).some(({ id }) => id === pick(events, 0).id);
    if (outcome === 'written') expect(isThere).toBe(true);
    for (const call of [closing.head(), closing.append(revision(40), someEvents(1))]) {
      await expect(call).rejects.toMatchObject({ code: 'SIGNET_LOG_CLOSED' });
    }
    await expect(readAll(closing)).rejects.toMatchObject({ code: 'SIGNET_LOG_CLOSED' });
  });

  it('14: a subscription whose signal aborts resolves, waiting or not', async () => {
    const { log } = await open();
    await log.append('empty', someEvents(3));
    const waiting = new AbortController();
    const consumer = new CollectingConsumer();
    const subscription = log.subscribe('empty', consumer, waiting.signal);
    await consumer.isCaughtUp();
    waiting.abort();
    await subscription;
    await log.subscribe('empty', consumer, AbortSignal.abort());
    expect(consumer.received).toHaveLength(3);
  });
}

/** Subscribes until the test ends; a subscription that fails fails the test. */
function subscribe(
  log: EventLog,
  after: ExpectedRevision,
  consumer: Parameters<EventLog['subscribe']>[1],
): void {
  const end = new AbortController();
  const subscription = log.subscribe(after, consumer, end.signal);
  onTestFinished(async () => {
    end.abort();
    await subscription;
  });
}

function signalled(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((resolved) => {
    resolve = resolved;
  });
  return { promise, resolve };
}
