import { generateKeyPairSync } from 'node:crypto';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadCheckpointKey } from '../../control-plane/adapters/checkpoint-key.js';
import { FileCheckpointStore } from '../../control-plane/adapters/file-checkpoint-store.js';
import { SqliteEventLog } from '../../control-plane/adapters/sqlite-event-log.js';
import { Checkpointer } from '../../control-plane/application/checkpointer.js';
import { FoldedLog } from '../../control-plane/application/folded-log.js';
import {
  type Checkpoint,
  parsePublicKey,
  signCheckpoint,
} from '../../control-plane/events/checkpoint.js';
import { splitMetadata } from '../../control-plane/events/codec.js';
import { type ChainHead, eventHash } from '../../control-plane/events/hash-chain.js';
import { type Verification, verifyLog } from '../../control-plane/events/verify.js';
import type { StoredEvent } from '../../control-plane/ports/event-log.js';
import { revision } from '../../shared/revision.js';
import { openSqlite } from '../../shared/sqlite.js';
import { api, apiAdded, apiUpdated } from '../support/gateway-fixtures.js';
import { appendAll, asStored, encodeHistory } from '../support/histories.js';
import { integer, type Random, seededRandom } from '../support/random.js';
import { silentLogger } from '../support/silent-logger.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** 100000 is the full number. */
const logSize = Number(process.env['SIGNET_TEST_VERIFY_EVENTS'] ?? 2000);
const alterations = Number(process.env['SIGNET_TEST_ALTERATIONS'] ?? 30);
const logId = '00000000-0000-4000-8000-000000000001';

describe('verify', () => {
  it('finds a log intact and tells where it ends', async () => {
    const { events, head } = someLog(500);
    expect(await verify(events)).toEqual({ status: 'intact', head, logId, checkpoints: 0 });
  });

  it(`names the first wrong revision for any alteration of ${logSize} events`, {
    timeout: 600_000,
  }, async () => {
    const { events } = someLog(logSize);
    const random = seededRandom(7);
    for (let n = 0; n < alterations; n++) {
      for (const [kind, alter] of Object.entries(allAlterations)) {
        const { altered, first } = alter([...events], random);
        const found = await verify(altered);
        expect({ kind, ...found }).toMatchObject({ kind, status: 'altered', revision: first });
      }
    }
  });

  it('accepts a trimmed beginning only where the log says so', async () => {
    const { events, head } = someLog(50);
    const rest = events.slice(20);
    expect(await verify(rest)).toMatchObject({ status: 'altered', revision: 0 });
    const options = { events: asBatches(rest), first: revision(20) };
    expect(await verifyLog(options)).toMatchObject({ status: 'intact', head });
  });

  it('finds a log that was cut short, with a checkpoint', async () => {
    const { events, checkpointAt, publicKey } = someLog(100);
    const statements = [checkpointAt(40), checkpointAt(80)];
    const checkpoints = { statements, publicKeys: [publicKey] };
    expect(await verify(events, checkpoints)).toMatchObject({ status: 'intact', checkpoints: 2 });
    expect(await verify(events.slice(0, 81), checkpoints)).toMatchObject({ status: 'intact' });
    expect(await verify(events.slice(0, 60), checkpoints)).toMatchObject({
      status: 'altered',
      revision: 60,
    });
  });

  it('finds a log that was written anew with right hashes, with a checkpoint', async () => {
    const { events, checkpointAt, publicKey } = someLog(100);
    const checkpoints = {
      statements: [checkpointAt(80), checkpointAt(40)],
      publicKeys: [publicKey],
    };
    const forged = writtenAnew(events, 60);
    expect(await verify(forged)).toMatchObject({ status: 'intact' });
    expect(await verify(forged, checkpoints)).toMatchObject({ status: 'altered', revision: 41 });
  });

  it('believes no checkpoint that another key signed, nor one that was changed', async () => {
    const { events, checkpointAt, publicKey } = someLog(20);
    const other = generateKeyPairSync('ed25519').publicKey;
    const genuine = checkpointAt(10);
    const altered = { status: 'altered', revision: 10 };
    expect(await verify(events, { statements: [genuine], publicKeys: [other] })).toMatchObject(
      altered,
    );
    expect(
      await verify(events, { statements: [genuine], publicKeys: [other, publicKey] }),
    ).toMatchObject({ status: 'intact' });
    const changed = { ...genuine, time: '2020-01-01T00:00:00.000Z' };
    expect(await verify(events, { statements: [changed], publicKeys: [publicKey] })).toMatchObject(
      altered,
    );
  });

  it('finds rows that were changed in the SQLite file', async () => {
    const path = join(await temporaryDirectory(), 'events.db');
    const log = new SqliteEventLog({ path });
    onTestFinished(() => log.close());
    const { events } = someLog(300);
    await appendAll(log, events);
    const check = () => verifyLog({ events: log.read(revision(0)) });
    expect(await check()).toMatchObject({ status: 'intact' });
    const database = openSqlite({ path });
    onTestFinished(() => database.close());
    database.exec('UPDATE events SET revision = -1 WHERE revision = 7');
    database.exec('UPDATE events SET revision = 7 WHERE revision = 9');
    database.exec('UPDATE events SET revision = 9 WHERE revision = -1');
    expect(await check()).toMatchObject({ status: 'altered', revision: 7 });
    database.exec('DELETE FROM events WHERE revision = 3');
    expect(await check()).toMatchObject({ status: 'altered', revision: 3 });
    database.exec("UPDATE events SET type = 'ApiDeleted' WHERE revision = 1");
    expect(await check()).toMatchObject({ status: 'altered', revision: 1 });
  });
});

describe('checkpoints', () => {
  it('are signed after so many events and at the end, and read back', async () => {
    const directory = await temporaryDirectory();
    const log = new SqliteEventLog({ path: join(directory, 'events.db') });
    onTestFinished(() => log.close());
    const folded = new FoldedLog(log, silentLogger);
    const path = join(directory, 'checkpoint.key');
    const privateKey = await loadCheckpointKey(path);
    const store = new FileCheckpointStore(join(directory, 'checkpoints.jsonl'));
    const clock = () => Date.parse('2026-01-02T03:04:05.006Z');
    const options = { folded, store, privateKey, clock, logger: silentLogger, everyEvents: 10 };
    const checkpointer = new Checkpointer(options);
    const { events } = someLog(25);
    await appendAll(log, events);
    await folded.catchUp();
    await checkpointer.close();
    await checkpointer.close();
    const statements = await store.read();
    expect(statements.map((each) => each.revision)).toEqual([24]);
    const publicKeys = [parsePublicKey(await readFile(`${path}.pub`, 'utf8'))];
    expect(
      await verifyLog({ events: log.read(revision(0)), checkpoints: { statements, publicKeys } }),
    ).toMatchObject({ status: 'intact', checkpoints: 1 });
  });

  it('pass over a line that a crash cut short', async () => {
    const path = join(await temporaryDirectory(), 'checkpoints.jsonl');
    const store = new FileCheckpointStore(path);
    const { checkpointAt } = someLog(20);
    await store.append(checkpointAt(5));
    await writeFile(path, '{"logId":"0', { flag: 'a' });
    await store.append(checkpointAt(9));
    expect((await store.read()).map((each) => each.revision)).toEqual([5, 9]);
  });

  it('have a key for its owner alone, the same at each start', async () => {
    const path = join(await temporaryDirectory(), 'checkpoint.key');
    const first = await loadCheckpointKey(path);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await loadCheckpointKey(path)).equals(first)).toBe(true);
    await chmod(path, 0o644);
    await expect(loadCheckpointKey(path)).rejects.toThrow(/chmod 600/);
  });
});

function someLog(count: number) {
  const { toAppend, head } = encodeHistory([
    { event: { type: 'LogCreated', data: { logId } } },
    ...Array.from({ length: count - 1 }, (_, n) => ({
      event: n === 0 ? apiAdded(api(1)) : apiUpdated(api(1, { name: `"previousHash":"${n}` })),
    })),
  ]);
  const events = asStored(toAppend);
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const checkpointAt = (at: number): Checkpoint => {
    const hash = splitMetadata(nth(events, at).metadata)?.hash ?? '';
    const time = '2026-01-02T03:04:05.006Z';
    return signCheckpoint(privateKey, { logId, revision: revision(at), hash, time });
  };
  return { events, head: head satisfies ChainHead, checkpointAt, publicKey };
}

type Alteration = (
  events: StoredEvent[],
  random: Random,
) => { readonly altered: StoredEvent[]; readonly first: number };

const allAlterations: Record<string, Alteration> = {
  'a changed byte': (events, random) => {
    const at = integer(random, events.length);
    const event = nth(events, at);
    const part = random() < 0.5 ? 'data' : 'metadata';
    const bytes = Buffer.from(event[part]);
    const offset = integer(random, bytes.length);
    bytes.writeUInt8(bytes.readUInt8(offset) ^ (1 << integer(random, 8)), offset);
    events[at] = { ...event, [part]: bytes };
    return { altered: events, first: at };
  },
  'another id': (events, random) => {
    const at = 1 + integer(random, events.length - 1);
    events[at] = { ...nth(events, at), id: nth(events, at - 1).id };
    return { altered: events, first: at };
  },
  'a removed event': (events, random) => {
    const at = integer(random, events.length - 1);
    events.splice(at, 1);
    return { altered: events, first: at };
  },
  'a removed event, the rest moved up': (events, random) => {
    const at = integer(random, events.length - 1);
    events.splice(at, 1);
    return { altered: renumbered(events), first: at };
  },
  'two swapped events': (events, random) => {
    const at = integer(random, events.length - 1);
    const other = at + 1 + integer(random, events.length - at - 1);
    [events[at], events[other]] = [nth(events, other), nth(events, at)];
    return { altered: renumbered(events), first: at };
  },
  'an inserted event': (events, random) => {
    const at = integer(random, events.length);
    events.splice(at, 0, nth(events, integer(random, events.length)));
    const isInPlace = events[at] === events[at + 1];
    return { altered: renumbered(events), first: isInPlace ? at + 1 : at };
  },
  'an event replaced along with its hash': (events, random) => {
    const at = integer(random, events.length - 1);
    events[at] = rehashed(nth(events, at), undefined);
    return { altered: events, first: at };
  },
};

/** The event with other data, and a right hash for it and for its predecessor. */
function rehashed(event: StoredEvent, previousHash: string | undefined): StoredEvent {
  const data = Buffer.concat([event.data, Buffer.from(' ')]);
  const split = splitMetadata(event.metadata);
  const text = Buffer.from(split?.hashed ?? []).toString('utf8');
  const relinked =
    previousHash === undefined
      ? text
      : text.replace(/"previousHash":"[0-9a-f]{64}"/, `"previousHash":"${previousHash}"`);
  const hashed = Buffer.from(relinked);
  const hash = eventHash(event.revision, event.id, event.type, data, hashed);
  return { ...event, data, metadata: Buffer.from(`{"hash":"${hash}",${relinked}`) };
}

function writtenAnew(events: readonly StoredEvent[], from: number): StoredEvent[] {
  const forged = events.slice(0, from);
  for (const event of events.slice(from)) {
    forged.push(rehashed(event, splitMetadata(nth(forged, forged.length - 1).metadata)?.hash));
  }
  return forged;
}

function renumbered(events: readonly StoredEvent[]): StoredEvent[] {
  return events.map((event, index) => ({ ...event, revision: revision(index) }));
}

function nth(events: readonly StoredEvent[], at: number): StoredEvent {
  const event = events[at];
  if (event === undefined) throw new RangeError(`no event ${at}`);
  return event;
}

function verify(
  events: readonly StoredEvent[],
  checkpoints?: Parameters<typeof verifyLog>[0]['checkpoints'],
): Promise<Verification> {
  return verifyLog({ events: asBatches(events), ...(checkpoints && { checkpoints }) });
}

async function* asBatches(events: readonly StoredEvent[]) {
  for (let from = 0; from < events.length; from += 512) yield events.slice(from, from + 512);
}
