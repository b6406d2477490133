import { expect, it } from 'vitest';
import { maxEventBytes, maxEventsPerAppend } from '../../control-plane/ports/event-log.js';
import { type ExpectedRevision, revision } from '../../shared/revision.js';
import {
  type Batch,
  hasCode,
  range,
  readAll,
  someEvent,
  someEvents,
} from '../support/log-events.js';
import { type OpenLog, pick } from './event-log-harness.js';

/** Points 1 to 6 and 13, and the limits of the port. */
export function itAppends(open: OpenLog): void {
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
}
