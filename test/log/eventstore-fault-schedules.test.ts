import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type * as ConnectionModule from '../../control-plane/adapters/eventstore/event-store-connection.js';
import type * as LogModule from '../../control-plane/adapters/eventstore/eventstore-event-log.js';
import type { EventLog } from '../../control-plane/ports/event-log.js';
import { built } from '../support/built.js';
import {
  type AppendFault,
  EventStoreDouble,
  type FaultPlan,
  type ReadFault,
  type SubscriptionFault,
} from '../support/eventstore-double.js';
import { CollectingConsumer, hasCode, range, readAll, someEvents } from '../support/log-events.js';
import { integer, oneOf, type Random, seededRandom } from '../support/random.js';

const { EventStoreConnection } = await built<typeof ConnectionModule>(
  'control-plane/adapters/eventstore/event-store-connection.js',
);
const { EventStoreEventLog } = await built<typeof LogModule>(
  'control-plane/adapters/eventstore/eventstore-event-log.js',
);

/** 1000 is the full number. A failing schedule is repeated by SIGNET_TEST_FAULT_SEED and one schedule. */
const given = process.env['SIGNET_TEST_FAULT_SCHEDULES'];
const schedules = Number(given ?? 8);
/** Without a given number, as many of them as fit; one at least. */
const boxMs = given === undefined ? 12_000 : Number.POSITIVE_INFINITY;
const firstSeed = Number(process.env['SIGNET_TEST_FAULT_SEED'] ?? 1);
const appendsPerWriter = 6;

let double: EventStoreDouble;
const connections: InstanceType<typeof EventStoreConnection>[] = [];

beforeAll(async () => {
  double = await EventStoreDouble.start();
  const { connectionString } = double;
  for (const _ of range(2)) {
    connections.push(new EventStoreConnection({ connectionString, callTimeoutMs: 250 }));
  }
});
afterAll(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  double.stop();
});

it(`keeps every acknowledged event, once, in order, through ${given ?? 'some'} random fault schedules`, {
  timeout: 90_000 + schedules * 3000,
}, async () => {
  const startedAt = performance.now();
  for (const seed of range(schedules, firstSeed)) {
    await runSchedule(seed);
    if (performance.now() - startedAt > boxMs) break;
  }
});

/** Two control planes write and follow one log while everything breaks; then it must all add up. */
async function runSchedule(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const stream = `signet-test-${randomUUID()}`;
  const options = { stream, livenessCheckMs: 150, deadlineMs: 20_000 };
  const logs = connections.map((connection) => new EventStoreEventLog({ connection, ...options }));
  const end = new AbortController();
  const consumers = logs.map(() => new CollectingConsumer());
  double.faults = faultPlan(random);
  const subscriptions = logs.map((log, index) =>
    log.subscribe('empty', consumers[index] ?? new CollectingConsumer(), end.signal),
  );
  const acknowledged = (await Promise.all(logs.map((log) => write(log, random)))).flat();
  double.faults = {};
  const [reader] = logs;
  if (reader === undefined) throw new Error('two logs');
  const stood = await answered(() => readAll(reader));
  const ids = stood.map(({ id }) => id);

  expect(
    stood.map(({ revision }) => revision),
    `seed ${seed}: revisions`,
  ).toEqual(range(stood.length));
  expect(new Set(ids).size, `seed ${seed}: duplicates`).toBe(ids.length);
  for (const { id, revision } of acknowledged) {
    expect(ids[revision], `seed ${seed}: acknowledged ${id}`).toBe(id);
  }
  for (const consumer of consumers) {
    await consumer.has(stood.length);
    expect(
      consumer.received.map(({ id }) => id),
      `seed ${seed}: subscription`,
    ).toEqual(ids);
  }
  end.abort();
  await Promise.all(subscriptions);
  await Promise.all(logs.map((log) => log.close()));
}

/** Appends by the rules of the port: new ids after a conflict, the same ones after all that may pass. */
async function write(log: EventLog, random: Random) {
  const acknowledged: { readonly id: string; readonly revision: number }[] = [];
  for (let done = 0; done < appendsPerWriter; done++) {
    let events = someEvents(1 + integer(random, 3));
    let expected = await answered(() => log.head());
    for (;;) {
      try {
        const { first } = await log.append(expected, events);
        acknowledged.push(...events.map(({ id }, index) => ({ id, revision: first + index })));
        break;
      } catch (error) {
        if (hasCode(error, 'SIGNET_REVISION_CONFLICT')) {
          events = someEvents(events.length);
          expected = await answered(() => log.head());
        } else if (!isWorthRetrying(error)) {
          throw error;
        }
      }
    }
  }
  return acknowledged;
}

/** A machine that is busy with more than this may keep a log from answering in time. */
async function answered<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!hasCode(error, 'SIGNET_LOG_UNAVAILABLE')) throw error;
    }
  }
}

function isWorthRetrying(error: unknown): boolean {
  return (
    hasCode(error, 'SIGNET_APPEND_OUTCOME_UNKNOWN') || hasCode(error, 'SIGNET_LOG_UNAVAILABLE')
  );
}

/** Breaks about every third append, sixth read and every second subscription. */
function faultPlan(random: Random): FaultPlan {
  const sometimes = <Fault>(share: number, fault: () => Fault) =>
    random() < share ? fault() : undefined;
  return {
    append: () => sometimes(0.35, () => appendFault(random)),
    read: () => sometimes(0.15, () => readFault(random)),
    subscribe: () => sometimes(0.5, () => subscriptionFault(random)),
  };
}

function appendFault(random: Random): AppendFault {
  const written = random() < 0.5;
  return oneOf<AppendFault>(random, [
    { kind: 'kill', written },
    { kind: 'silence', written },
    { kind: 'status', code: statusCode(random), written },
    { kind: 'slow', ms: integer(random, 400) },
    { kind: 'not-leader' },
    { kind: 'wrong-version' },
    { kind: 'twice' },
  ]);
}

function readFault(random: Random): ReadFault {
  const afterEvents = integer(random, 4);
  return oneOf<ReadFault>(random, [
    { kind: 'status', code: statusCode(random), afterEvents },
    { kind: 'silence', afterEvents },
    { kind: 'kill', afterEvents },
    { kind: 'slow', ms: integer(random, 400) },
  ]);
}

function subscriptionFault(random: Random): SubscriptionFault {
  return {
    at: oneOf(random, ['before-confirmation', 'mid-page', 'at-caught-up', 'live']),
    how: oneOf(random, ['kill', 'status', 'clean', 'silence', 'repeat']),
  };
}

function statusCode(random: Random): status {
  return oneOf(random, [
    status.UNAVAILABLE,
    status.CANCELLED,
    status.ABORTED,
    status.DEADLINE_EXCEEDED,
    status.INTERNAL,
    status.UNKNOWN,
  ]);
}
