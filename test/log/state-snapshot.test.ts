import { readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FileStateSnapshotStore } from '../../control-plane/adapters/file-state-snapshot.js';
import { SqliteEventLog } from '../../control-plane/adapters/sqlite-event-log.js';
import { FoldedLog } from '../../control-plane/application/folded-log.js';
import { stateFromParts, stateToParts } from '../../control-plane/application/state-form.js';
import {
  loadFoldedState,
  SnapshotKeeper,
} from '../../control-plane/application/state-snapshots.js';
import { SnapshotFeed } from '../../control-plane/distribution/snapshot-feed.js';
import { fold } from '../../control-plane/domain/evolve.js';
import { type GatewayState, initialState } from '../../control-plane/domain/state.js';
import { digestAt } from '../../control-plane/projections/snapshot-entries.js';
import type { GatewayEvent } from '../../shared/events.js';
import { revision } from '../../shared/revision.js';
import { formatDigest } from '../../shared/snapshot-digest.js';
import {
  api,
  apiAdded,
  apiUpdated,
  certificate,
  certUploaded,
  plugin,
  pluginAdded,
} from '../support/gateway-fixtures.js';
import { appendAll, arbitraryHistory, encodeHistory } from '../support/histories.js';
import { plainState } from '../support/plain-state.js';
import { silentLogger } from '../support/silent-logger.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

describe('state form', () => {
  it('brings back any state, whatever the history', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryHistory, async ({ recorded }) => {
        const state = recorded.reduce(fold, initialState);
        expectSameState(await restored(state), state);
      }),
      { numRuns: 500 },
    );
  });

  it('carries chains that are not Latin-1, and more rows than fit into a group', async () => {
    const events: GatewayEvent[] = [];
    for (let n = 1; n <= 2100; n++) {
      const chainPem = n % 700 === 0 ? `Снова ${n}` : `chain ${n} é`;
      events.push(apiAdded(api(n)), certUploaded({ ...certificate(n), chainPem }));
      events.push(pluginAdded(plugin(n, n)));
    }
    const { recorded } = encodeHistory(events.map((event) => ({ event })));
    const state = recorded.reduce(fold, initialState);
    expectSameState(await restored(state), state);
  });

  it('goes on from a restored state as from the one it was taken of', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryHistory, arbitraryHistory, async (first, second) => {
        const state = first.recorded.reduce(fold, initialState);
        const again = await restored(state);
        expectSameState(second.recorded.reduce(fold, again), second.recorded.reduce(fold, state));
      }),
      { numRuns: 200 },
    );
  });
});

describe('state snapshot', () => {
  it('is where a start begins', async () => {
    const { log, folded, snapshots } = await someLog(50);
    await new SnapshotKeeper({ folded, snapshots, logger: silentLogger }).save();
    const loaded = await loadFoldedState(log, snapshots, silentLogger);
    expect(loaded?.chain).toEqual(folded.chain);
    expectSameState(loaded?.state ?? initialState, folded.state);
  });

  it('keeps the digest of what nodes have, for a feed to go on from', async () => {
    const { log, folded, snapshots } = await someLog(20);
    const feed = new SnapshotFeed({ control: folded });
    onTestFinished(() => feed.close());
    const digest = () => feed.head?.digest;
    await new SnapshotKeeper({ folded, snapshots, logger: silentLogger, digest }).save();
    const later = encodeHistory(
      [...rename(3), { event: apiAdded(api(2)) }, { event: certUploaded(certificate(2)) }],
      folded.chain,
    );
    await appendAll(log, later.toAppend);

    const loaded = await loadFoldedState(log, snapshots, silentLogger);
    const restarted = new FoldedLog(log, silentLogger, loaded);
    const resumed = new SnapshotFeed({ control: restarted, digest: loaded?.digest });
    onTestFinished(() => resumed.close());
    expect(resumed.head?.digest).toBe(feed.head?.digest);
    await restarted.catchUp();
    expect(resumed.head?.digest).toBe(formatDigest(digestAt(restarted.state)));
    expect(resumed.head?.digest).not.toBe(feed.head?.digest);
  });

  it('of a log that was replayed is made at once', async () => {
    const { log, folded, snapshots } = await someLog(20);
    const keeper = new SnapshotKeeper({
      ...{ folded, snapshots, logger: silentLogger, everyEvents: 10, savedAt: 'empty' },
    });
    await new Promise(setImmediate);
    await keeper.close();
    const loaded = await loadFoldedState(log, snapshots, silentLogger);
    expect(loaded?.chain).toEqual(folded.chain);
  });

  it('is no longer than the log it stands for', async () => {
    const { folded, snapshots, path } = await someLog(50);
    await new SnapshotKeeper({ folded, snapshots, logger: silentLogger }).save();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const { log: another } = await someLog(80);
    expect(await loadFoldedState(another, snapshots, silentLogger)).toBeUndefined();
    const { log: shorter } = await someLog(10);
    expect(await loadFoldedState(shorter, snapshots, silentLogger)).toBeUndefined();
  });

  it('counts as missing when any byte of its file was changed or cut off', async () => {
    const { log, folded, snapshots, path } = await someLog(20);
    expect(await loadFoldedState(log, snapshots, silentLogger)).toBeUndefined();
    await new SnapshotKeeper({ folded, snapshots, logger: silentLogger }).save();
    const whole = await readFile(path);
    for (let at = 0; at < whole.length; at += 7) {
      const changed = Buffer.from(whole);
      changed.writeUInt8(changed.readUInt8(at) ^ 0x10, at);
      await writeFile(path, changed);
      expect(await loadFoldedState(log, snapshots, silentLogger)).toBeUndefined();
    }
    for (const length of [0, 5, 30, whole.length - 1]) {
      await writeFile(path, whole);
      await truncate(path, length);
      expect(await loadFoldedState(log, snapshots, silentLogger)).toBeUndefined();
    }
    await writeFile(path, whole);
    expect(await loadFoldedState(log, snapshots, silentLogger)).toBeDefined();
  });

  it('of a form that this version does not know is ignored', async () => {
    const { log, folded, snapshots } = await someLog(5);
    const place = { logId: folded.state.logId ?? '', head: folded.chain };
    await snapshots.save(place, 'gateway-state-0', [Buffer.from('{}')]);
    expect(await loadFoldedState(log, snapshots, silentLogger)).toBeUndefined();
  });

  it('is ignored when its event was trimmed away', async () => {
    const { log, folded, snapshots } = await someLog(20);
    await new SnapshotKeeper({ folded, snapshots, logger: silentLogger }).save();
    await appendAll(log, encodeHistory(rename(5), folded.chain).toAppend);
    await log.trim(revision(22));
    expect(await loadFoldedState(log, snapshots, silentLogger)).toBeUndefined();
  });

  it('is saved by itself once enough events have come in', async () => {
    const { log, folded, snapshots } = await someLog(20);
    const keeper = new SnapshotKeeper({ folded, snapshots, logger: silentLogger, everyEvents: 10 });
    onTestFinished(() => keeper.close());
    const before = encodeHistory(rename(9), folded.chain);
    await appendAll(log, before.toAppend);
    folded.foldAppended(before.recorded, before.head);
    await new Promise(setImmediate);
    await keeper.close();
    expect(await snapshots.load()).toBeUndefined();

    const watching = new SnapshotKeeper({
      folded,
      snapshots,
      logger: silentLogger,
      everyEvents: 10,
    });
    const after = encodeHistory(rename(10), folded.chain);
    await appendAll(log, after.toAppend);
    folded.foldAppended(after.recorded, after.head);
    await new Promise(setImmediate);
    await watching.close();
    expect((await loadFoldedState(log, snapshots, silentLogger))?.chain).toEqual(after.head);
  });
});

async function restored(state: GatewayState): Promise<GatewayState> {
  const parts = stateToParts({ state });
  const { state: again } = await stateFromParts(
    (async function* () {
      yield* parts;
    })(),
  );
  return again;
}

/** A log of `LogCreated` and `count` more events, folded, and an empty snapshot store. */
async function someLog(count: number) {
  const directory = await temporaryDirectory();
  const log = new SqliteEventLog({ path: join(directory, 'events.db') });
  onTestFinished(() => log.close());
  const logId = '00000000-0000-4000-8000-000000000001';
  const history = encodeHistory([
    { event: { type: 'LogCreated', data: { logId } } },
    { event: apiAdded(api(1)) },
    ...rename(count - 1),
  ]);
  await appendAll(log, history.toAppend);
  const folded = new FoldedLog(log, silentLogger);
  await folded.catchUp();
  const path = join(directory, 'state.snapshot');
  return {
    log,
    folded,
    path,
    snapshots: new FileStateSnapshotStore(path),
  };
}

function rename(times: number) {
  return Array.from({ length: times }, (_, n) => ({
    event: apiUpdated(api(1, { name: `name-${n}` })),
  }));
}

function expectSameState(got: GatewayState, expected: GatewayState): void {
  expect(plainState(got)).toEqual(plainState(expected));
  // Order decides which idempotent write is forgotten first.
  expect([...got.idempotentWrites.keys()]).toEqual([...expected.idempotentWrites.keys()]);
}
