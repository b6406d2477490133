import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type EventLog,
  maxEventBytes,
  maxEventsPerAppend,
} from '../../control-plane/ports/event-log.js';
import { type ExpectedRevision, revision } from '../../shared/revision.js';
import {
  appendAnyhow,
  type Batch,
  CollectingConsumer,
  hasCode,
  range,
  readAll,
  someEvent,
  someEvents,
} from '../support/log-events.js';

/** Where a subscription's connection is cut. */
export const boundaries = ['before-confirmation', 'mid-page', 'at-caught-up', 'live'] as const;
export type Boundary = (typeof boundaries)[number];

/** A fresh, empty store and ways to reach it. Everything opened closes when the test ends. */
export interface LogHarness {
  readonly log: EventLog;
  /** Another instance on the same store, as another control plane has one. */
  another(): Promise<EventLog>;
  /** Only where there is a connection: what may happen to it. */
  readonly faults?: {
    /** The next append is written, but its answer never arrives. */
    loseNextAnswer(): void;
    /** The next subscription to get there loses its connection. */
    cutSubscription(at: Boundary): void;
  };
}

/** The fourteen points every event log keeps, and the limits of the port. */
export function describeEventLogContract(name: string, open: () => Promise<LogHarness>): void {
  describe(`${name} keeps the event log's contract`, () => {
    it('1: a stale or future expected revision conflicts, reports both numbers and writes nothing', async () => {
      const { log } = await open();
      await log.append('empty', someEvents(3));
      for (const expected of [
        'empty',
        revision(0),
        revision(1),
        revision(3),
        revision(99),
      ] as const) {
        await expect(log.append(expected, someEvents(1))).rejects.toMatchObject({
          code: 'SIGNET_REVISION_CONFLICT',
          expected,
          actual: 2,
        });
      }
      expect(await log.head()).toBe(2);
      expect(await readAll(log)).toHaveLength(3);
    });

    it('1: an empty log conflicts with any revision', async () => {
      const { log } = await open();
      await expect(log.append(revision(0), someEvents(1))).rejects.toMatchObject({
        code: 'SIGNET_REVISION_CONFLICT',
        expected: 0,
        actual: 'empty',
      });
      expect(await log.head()).toBe('empty');
      expect(await readAll(log)).toEqual([]);
    });

    it('2: of many concurrent appends that expect the same revision exactly one wins', async () => {
      const { log, another } = await open();
      const logs = [log, await another(), await another()];
      let expected: ExpectedRevision = 'empty';
      for (let round = 0; round < 5; round++) {
        const outcomes = await Promise.allSettled(
          range(12).map((n) => pick(logs, n).append(expected, someEvents(1 + (n % 3)))),
        );
        const won = outcomes.filter((outcome) => outcome.status === 'fulfilled');
        expect(won).toHaveLength(1);
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected') {
            expect(hasCode(outcome.reason, 'SIGNET_REVISION_CONFLICT')).toBe(true);
          }
        }
        expected = await log.head();
        expect(expected).toBe(won[0]?.value.last);
      }
    });

    it('3: the same append again, also after others, answers the first revisions and writes nothing', async () => {
      const { log, another } = await open();
      await log.append('empty', someEvents(2));
      const events = someEvents(3);
      const appended = await log.append(revision(1), events);
      expect(appended).toEqual({ first: 2, last: 4 });
      expect(await log.append(revision(1), events)).toEqual(appended);
      await log.append(revision(4), someEvents(2));
      expect(await log.append(revision(1), events)).toEqual(appended);
      expect(await (await another()).append(revision(1), events)).toEqual(appended);
      expect(await log.head()).toBe(6);
    });

    it('3: also for the first append of all', async () => {
      const { log } = await open();
      const events = someEvents(2);
      await log.append('empty', events);
      expect(await log.append('empty', events)).toEqual({ first: 0, last: 1 });
      expect(await log.head()).toBe(1);
    });

    it('4: the same expected revision with other ids, or a partial overlap, conflicts', async () => {
      const { log } = await open();
      const [a, b, c] = [someEvent(), someEvent(), someEvent()];
      await log.append('empty', [a, b]);
      const overlaps: Batch[] = [[a, c], [c, b], [b, a], [a, b, c], someEvents(2)];
      for (const batch of overlaps) {
        await expect(log.append('empty', batch)).rejects.toMatchObject({
          code: 'SIGNET_REVISION_CONFLICT',
          actual: 1,
        });
      }
      expect((await readAll(log)).map(({ id }) => id)).toEqual([a.id, b.id]);
    });

    it('4: an id that stands elsewhere in the log, or twice in the append, is refused', async () => {
      const { log } = await open();
      const [a, b] = [someEvent(), someEvent()];
      await log.append('empty', [a, b]);
      await expect(log.append(revision(1), [someEvent(), a])).rejects.toMatchObject({
        code: 'SIGNET_EVENT_ID_REUSED',
        id: a.id,
      });
      const twice = someEvent();
      await expect(log.append(revision(1), [twice, twice])).rejects.toMatchObject({
        code: 'SIGNET_EVENT_ID_REUSED',
      });
      expect(await log.head()).toBe(1);
    });

    it('5: an append that is retried after a lost answer is found once', async () => {
      const { log, another, faults } = await open();
      const events = someEvents(2);
      faults?.loseNextAnswer();
      expect(await log.append('empty', events)).toEqual({ first: 0, last: 1 });
      // As after a crash between the commit and the answer: another process tries again.
      expect(await (await another()).append('empty', events)).toEqual({ first: 0, last: 1 });
      expect((await readAll(log)).map(({ id }) => id)).toEqual(events.map(({ id }) => id));
    });

    it('6: revisions run 0, 1, 2, … without a gap, and a failed append uses none up', async () => {
      const { log } = await open();
      await log.append('empty', someEvents(4));
      await expect(log.append(revision(0), someEvents(5))).rejects.toThrow();
      await expect(
        log.append(revision(3), [someEvent({ data: Buffer.alloc(maxEventBytes) })]),
      ).rejects.toThrow();
      expect(await log.append(revision(3), someEvents(3))).toEqual({ first: 4, last: 6 });
      expect((await readAll(log)).map((event) => event.revision)).toEqual(range(7));
      expect((await readAll(log, 5)).map((event) => event.revision)).toEqual([5, 6]);
      expect(await readAll(log, 7)).toEqual([]);
    });

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

    it('13: payload bytes come back unchanged', async () => {
      const { log } = await open();
      const payloads = [
        Buffer.alloc(0),
        Buffer.from('\0 \0'),
        Buffer.from('😀 ünïcode \u2028'),
        Buffer.from(range(256)),
        Buffer.from('{"b":1, "a":2,"1":1.0}'),
        Buffer.from('{"a":1}'),
        Buffer.from('null'),
        Buffer.from('[1e400,"\\ud800"]'),
      ];
      const batch = payloads.flatMap((bytes) => [
        someEvent({ data: bytes, metadata: Buffer.from('{}') }),
        someEvent({ data: Buffer.from('{}'), metadata: bytes }),
      ]);
      const largest = someEvent({
        data: Buffer.alloc(maxEventBytes - 2, 0xff),
        metadata: Buffer.from('{}'),
      });
      await log.append('empty', [someEvent(), ...batch]);
      await log.append(await log.head(), [largest]);
      const read = await readAll(log, 1);
      expect(read).toHaveLength(batch.length + 1);
      for (const [index, sent] of [...batch, largest].entries()) {
        const got = read[index];
        if (got === undefined) throw new Error('an event is missing');
        expect({ id: got.id, type: got.type }).toEqual({ id: sent.id, type: sent.type });
        expect(Buffer.compare(got.data, sent.data)).toBe(0);
        expect(Buffer.compare(got.metadata, sent.metadata)).toBe(0);
      }
    });

    it('13: an event or an append beyond the limits is refused whole', async () => {
      const { log } = await open();
      const tooLarge = someEvent({ data: Buffer.alloc(maxEventBytes), metadata: Buffer.alloc(1) });
      await expect(log.append('empty', [someEvent(), tooLarge])).rejects.toMatchObject({
        code: 'SIGNET_EVENT_TOO_LARGE',
      });
      await expect(log.append('empty', someEvents(maxEventsPerAppend + 1))).rejects.toMatchObject({
        code: 'SIGNET_EVENT_TOO_LARGE',
      });
      expect(await log.head()).toBe('empty');
      const appended = await log.append('empty', someEvents(maxEventsPerAppend));
      expect(appended.last).toBe(maxEventsPerAppend - 1);
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

function pick<Item>(items: readonly Item[], index: number): Item {
  const item = items[index % items.length];
  if (item === undefined) throw new RangeError('nothing to pick from');
  return item;
}
