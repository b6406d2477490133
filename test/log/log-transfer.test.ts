import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type * as ConnectionModule from '../../control-plane/adapters/eventstore/event-store-connection.js';
import type * as LogModule from '../../control-plane/adapters/eventstore/eventstore-event-log.js';
import { SqliteEventLog } from '../../control-plane/adapters/sqlite-event-log.js';
import { exportLog, importLog } from '../../control-plane/events/log-transfer.js';
import type { EventLog } from '../../control-plane/ports/event-log.js';
import { built } from '../support/built.js';
import { EventStoreDouble } from '../support/eventstore-double.js';
import { api, apiAdded, apiUpdated } from '../support/gateway-fixtures.js';
import { appendAll, encodeHistory } from '../support/histories.js';
import { readAll } from '../support/log-events.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const { EventStoreConnection } = await built<typeof ConnectionModule>(
  'control-plane/adapters/eventstore/event-store-connection.js',
);
const { EventStoreEventLog } = await built<typeof LogModule>(
  'control-plane/adapters/eventstore/eventstore-event-log.js',
);

let double: EventStoreDouble;
beforeAll(async () => {
  double = await EventStoreDouble.start();
});
afterAll(() => double.stop());

describe('export and import', () => {
  it('move a log from SQLite to EventStoreDB and back, byte for byte', async () => {
    const embedded = await sqliteLog();
    const { toAppend, head } = someHistory(700);
    await appendAll(embedded, toAppend);
    const fleet = eventStoreLog();
    expect(await importLog(fleet, exportLog(embedded))).toMatchObject({ head });
    const back = await sqliteLog();
    expect(await importLog(back, exportLog(fleet))).toMatchObject({ head });
    for (const log of [fleet, back]) {
      expect((await readAll(log)).map(plain)).toEqual((await readAll(embedded)).map(plain));
    }
  });

  it('go on after an interruption, and import twice without harm', async () => {
    const source = await sqliteLog();
    const { toAppend, head } = someHistory(450);
    await appendAll(source, toAppend);
    const lines = await collect(exportLog(source));
    const target = await sqliteLog();
    await expect(importLog(target, cutAfter(lines, 333))).rejects.toThrow(/cut short/);
    expect(await target.head()).not.toBe(head.revision);
    await importLog(target, each(lines));
    await importLog(target, each(lines));
    expect((await readAll(target)).map(plain)).toEqual((await readAll(source)).map(plain));
  });

  it('refuse a target that holds another log, and write nothing to it', async () => {
    const [source, target] = [await sqliteLog(), await sqliteLog()];
    await appendAll(source, someHistory(20).toAppend);
    await appendAll(target, someHistory(5).toAppend);
    await expect(importLog(target, exportLog(source))).rejects.toThrow(
      /other events from revision 0/,
    );
    expect(await target.head()).toBe(4);
  });

  it('refuse an altered export and name the revision', async () => {
    const source = await sqliteLog();
    await appendAll(source, someHistory(250).toAppend);
    const lines = await collect(exportLog(source));
    const changed = lines.map((line, n) => (n === 151 ? line.replace('name-', 'nome-') : line));
    const target = await sqliteLog();
    await expect(importLog(target, each(changed))).rejects.toThrow(/altered at revision 150/);
    expect(await target.head()).toBe(99);
    await expect(importLog(await sqliteLog(), each(lines.slice(1)))).rejects.toThrow(/no export/);
    await expect(importLog(await sqliteLog(), each([...lines, '{}']))).rejects.toThrow(
      /follows the end/,
    );
  });
});

async function sqliteLog(): Promise<EventLog> {
  const log = new SqliteEventLog({ path: join(await temporaryDirectory(), 'events.db') });
  onTestFinished(() => log.close());
  return log;
}

function eventStoreLog(): EventLog {
  const connection = new EventStoreConnection({ connectionString: double.connectionString });
  const log = new EventStoreEventLog({ connection, stream: `signet-test-${randomUUID()}` });
  onTestFinished(async () => {
    await log.close();
    await connection.close();
  });
  return log;
}

function someHistory(count: number) {
  return encodeHistory([
    { event: { type: 'LogCreated', data: { logId: randomUUID() } } },
    ...Array.from({ length: count - 1 }, (_, n) => ({
      event: n === 0 ? apiAdded(api(1)) : apiUpdated(api(1, { name: `name-${n} é😀` })),
    })),
  ]);
}

/** Buffers and plain byte arrays compare as text. */
function plain<Event extends { data: Uint8Array; metadata: Uint8Array }>(event: Event) {
  const { data, metadata, ...rest } = event;
  return {
    ...rest,
    data: Buffer.from(data).toString(),
    metadata: Buffer.from(metadata).toString(),
  };
}

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const collected: string[] = [];
  for await (const line of lines) collected.push(line);
  return collected;
}

async function* each(lines: readonly string[]) {
  yield* lines;
}

async function* cutAfter(lines: readonly string[], count: number) {
  yield* lines.slice(0, count);
}
