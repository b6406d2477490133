import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  NodeKeyError,
  SnapshotInconsistentError,
  SnapshotMismatchError,
} from '../../data-plane/store/errors.js';
import { hostHash } from '../../data-plane/store/host-bindings.js';
import { openNodeKey } from '../../data-plane/store/node-key.js';
import type { NodeStoreReader, NodeStoreWriter } from '../../data-plane/store/node-store.js';
import { openNodeStoreWriter } from '../../data-plane/store/open-node-store.js';
import { openNodeStoreReader, storePath } from '../../data-plane/store/open-node-store-reader.js';
import { OrderlyEnd } from '../../data-plane/store/orderly-end.js';
import { bindingByHash } from '../../data-plane/store/schema.js';
import { SqliteNodeStoreWriter } from '../../data-plane/store/sqlite-node-store-writer.js';
import { WriteAheadLog } from '../../data-plane/store/write-ahead-log.js';
import type { SnapshotEntry } from '../../shared/snapshot.js';
import { openSqlite } from '../../shared/sqlite.js';
import { builtFile } from '../support/built-file.js';
import { apiId, certificateId } from '../support/gateway-fixtures.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import {
  apiEntry,
  apiKey,
  at,
  certificateEntry,
  certificateKey,
  delta,
  logId,
  pluginEntry,
  pluginKey,
  recordingLogger,
  servedCertificate,
} from './snapshot-fixtures.js';

const logger = recordingLogger();

function openStore(
  dataDirectory: string,
  random = Math.random,
): { writer: NodeStoreWriter; reader: NodeStoreReader } {
  const writer = openNodeStoreWriter({ dataDirectory, random }, logger);
  const reader = openNodeStoreReader({ dataDirectory });
  onTestFinished(() => {
    reader.close();
    writer.close();
  });
  return { writer, reader };
}

/** Opens the store with a disk that takes `pages` of 4 KB at most, until it is given more. */
function openStoreOnFullDisk(dataDirectory: string, pages: number) {
  const path = storePath(dataDirectory);
  const database = openSqlite({ path });
  const writer = new SqliteNodeStoreWriter({
    database,
    key: openNodeKey(dataDirectory),
    log: new WriteAheadLog(`${path}-wal`),
    end: new OrderlyEnd(path),
    random: Math.random,
    logger,
  });
  onTestFinished(() => writer.close());
  const limit = (max: number) => database.exec(`PRAGMA max_page_count = ${max}`);
  limit(pages);
  return { writer, database, limit };
}

const emptyStore = async () => openStore(await temporaryDirectory());

/** API 1 with certificate 1 at revision 5, served and settled. */
async function storeWithOneHost() {
  const store = await emptyStore();
  store.writer.apply(delta('empty', 5, [apiEntry(1), certificateEntry(1), pluginEntry(1, 1, 1)]));
  store.writer.settle({ revision: at(5), keepLastGood: [] });
  return store;
}

const boundCertificate = (reader: NodeStoreReader, host: string) =>
  reader.apiByHost(host)?.ssl?.config.certificateId;

describe('node store: reading', () => {
  it('is empty before the first snapshot', async () => {
    const { writer, reader } = await emptyStore();
    expect(writer.revision).toBeUndefined();
    expect(writer.logId).toBeUndefined();
    expect(reader.revision()).toBeUndefined();
    expect(reader.apiByHost('host-1.test')).toBeUndefined();
    expect(reader.wildcardApis()).toEqual([]);
  });

  it('finds a host in lower case, with its plugin and its certificate', async () => {
    const { reader } = await storeWithOneHost();
    expect(reader.revision()).toBe(5);
    expect(reader.apiByHost('host-1.test')).toEqual({
      api: apiEntry(1).value,
      ssl: pluginEntry(1, 1, 1).value,
    });
    expect(reader.certificate(certificateId(1))).toEqual(servedCertificate(1));
    expect(reader.certificate(certificateId(2))).toBeUndefined();
  });

  it('gives an API its own enabled plugin, else the one for all', async () => {
    const { writer, reader } = await storeWithOneHost();
    writer.apply(delta(5, 6, [apiEntry(2), certificateEntry(9), pluginEntry(9, 'all', 9)]));
    expect(boundCertificate(reader, 'host-1.test')).toBe(certificateId(1));
    expect(boundCertificate(reader, 'host-2.test')).toBe(certificateId(9));
    writer.apply(delta(6, 7, [pluginEntry(1, 1, 1, false)]));
    expect(boundCertificate(reader, 'host-1.test')).toBe(certificateId(9));
    writer.apply(delta(7, 8, [pluginEntry(9, 'all', 9, false)]));
    expect(reader.apiByHost('host-2.test')?.ssl).toBeUndefined();
  });

  it('lists wildcard and path APIs', async () => {
    const { writer, reader } = await emptyStore();
    const wildcard = apiEntry(1, { requestHost: '*.Wild.test' });
    const path = apiEntry(2, { requestPath: '/v1' });
    expect(writer.apply(delta('empty', 1, [wildcard, path])).patternsChanged).toBe(true);
    expect(reader.wildcardApis().map(({ api }) => api.id)).toEqual([wildcard.value.id]);
    expect(reader.pathApis().map(({ api }) => api.id)).toEqual([path.value.id]);
    expect(reader.apiByHost('x.wild.test')).toBeUndefined();
    expect(reader.apiByHost('*.wild.test')?.api).toEqual(wildcard.value);
  });
});

describe('node store: applying', () => {
  it('names the hosts whose routing or certificate may differ', async () => {
    const { writer } = await storeWithOneHost();
    const hostsAfter = (to: number, ...entries: SnapshotEntry[]) =>
      writer.apply(delta(to - 1, to, entries)).hosts;
    expect(hostsAfter(6, apiEntry(2))).toEqual(['host-2.test']);
    expect(hostsAfter(7, certificateEntry(2), pluginEntry(1, 1, 2))).toEqual(['host-1.test']);
    expect(hostsAfter(8, apiEntry(2, { requestHost: 'moved.test' }))).toEqual([
      'host-2.test',
      'moved.test',
    ]);
    expect(hostsAfter(9, certificateEntry(3), pluginEntry(3, 'all', 3))).toEqual([
      'host-1.test',
      'moved.test',
    ]);
    expect(hostsAfter(10, pluginEntry(3, 'all', 3))).toEqual([]);
  });

  it('refuses a delta that does not start where it stands', async () => {
    const { writer } = await storeWithOneHost();
    expect(() => writer.apply(delta(4, 6))).toThrow(SnapshotMismatchError);
    expect(() => writer.apply(delta(5, 5))).toThrow(SnapshotMismatchError);
    expect(() => writer.apply({ ...delta(5, 6), logId: 'another' })).toThrow(SnapshotMismatchError);
    expect(writer.revision).toBe(5);
  });

  it('never goes back to an older revision of the same log', async () => {
    const { writer } = await storeWithOneHost();
    expect(() => writer.apply(delta('empty', 4))).toThrow(SnapshotMismatchError);
    writer.apply({ ...delta('empty', 1), logId: 'restored' });
    expect([writer.logId, writer.revision]).toEqual(['restored', 1]);
  });

  it('keeps nothing of a delta whose plugin lacks its certificate or API', async () => {
    const { writer, reader } = await storeWithOneHost();
    const { digest } = writer;
    const refused = (...change: Parameters<typeof delta>) =>
      expect(() => writer.apply(delta(...change))).toThrow(SnapshotInconsistentError);
    refused(5, 6, [pluginEntry(1, 1, 7)]);
    refused(5, 6, [], [certificateKey(1)]);
    refused(5, 6, [], [apiKey(1)]);
    refused('empty', 6, [apiEntry(1), pluginEntry(1, 1, 1)]);
    refused('empty', 6, [certificateEntry(1), pluginEntry(1, 1, 1)]);
    expect([writer.revision, writer.digest]).toEqual([5, digest]);
    expect(boundCertificate(reader, 'host-1.test')).toBe(certificateId(1));
  });

  it('keeps the last snapshot on a full disk, says why, and goes on once there is room', async () => {
    const { writer, limit } = openStoreOnFullDisk(await temporaryDirectory(), 40);
    const first = [apiEntry(1), certificateEntry(1), pluginEntry(1, 1, 1)];
    writer.apply(delta('empty', 5, first));
    const many = Array.from({ length: 500 }, (_, n) => apiEntry(100 + n));
    const digest = writer.digest;
    expect(() => writer.apply(delta(5, 6, many))).toThrow(/full/);
    expect([writer.revision, writer.digest]).toEqual([5, digest]);
    limit(10_000);
    expect(writer.apply(delta(5, 6, many)).revision).toBe(6);
  });

  it('shows readers the old snapshot until a full one is complete', async () => {
    const { writer, reader } = await storeWithOneHost();
    const transaction = writer.begin(delta('empty', 9));
    transaction.write({ upserts: [apiEntry(2), certificateEntry(2)], removals: [] });
    expect(reader.revision()).toBe(5);
    expect(reader.apiByHost('host-2.test')).toBeUndefined();
    transaction.write({ upserts: [pluginEntry(2, 2, 2)], removals: [] });
    const changes = transaction.commit();
    expect(new Set(changes.hosts)).toEqual(new Set(['host-1.test', 'host-2.test']));
    expect(reader.revision()).toBe(9);
    expect(reader.apiByHost('host-1.test')).toBeUndefined();
    expect(boundCertificate(reader, 'host-2.test')).toBe(certificateId(2));
  });

  it('forgets a snapshot that is given up half way', async () => {
    const { writer, reader } = await storeWithOneHost();
    const transaction = writer.begin(delta('empty', 9));
    transaction.write({ upserts: [apiEntry(2)], removals: [] });
    transaction.rollback();
    transaction.rollback();
    expect(() => transaction.commit()).toThrow(SnapshotMismatchError);
    expect([reader.revision(), writer.revision]).toEqual([5, 5]);
    writer.apply(delta(5, 6, [apiEntry(3)]));
    expect(reader.apiByHost('host-3.test')).toBeDefined();
  });
});

describe('node store: last good certificates', () => {
  it('keeps what a host served until the new one is settled', async () => {
    const { writer, reader } = await storeWithOneHost();
    writer.apply(delta(5, 6, [certificateEntry(2), pluginEntry(1, 1, 2)], [certificateKey(1)]));
    expect(reader.certificate(certificateId(1))).toBeUndefined();
    expect(reader.lastGoodCertificate('Host-1.test')).toEqual(servedCertificate(1));
    expect(writer.lastGoodHosts()).toEqual(['host-1.test']);
    writer.settle({ revision: at(6), keepLastGood: [] });
    expect(reader.lastGoodCertificate('host-1.test')).toBeUndefined();
  });

  it('keeps the last proved one over several rejected ones', async () => {
    const { writer, reader } = await storeWithOneHost();
    writer.apply(delta(5, 6, [certificateEntry(2), pluginEntry(1, 1, 2)], [certificateKey(1)]));
    writer.settle({ revision: at(6), keepLastGood: ['host-1.test'] });
    writer.apply(delta(6, 7, [certificateEntry(3), pluginEntry(1, 1, 3)], [certificateKey(2)]));
    expect(reader.lastGoodCertificate('host-1.test')).toEqual(servedCertificate(1));
  });

  it('settles what was proved with the next snapshot, or not at all', async () => {
    const { writer, reader } = await storeWithOneHost();
    writer.apply(delta(5, 6, [certificateEntry(2), pluginEntry(1, 1, 2)], [certificateKey(1)]));
    const proved = { revision: at(6), keepLastGood: [] };
    const third = delta(6, 7, [certificateEntry(3), pluginEntry(1, 1, 3)], [certificateKey(2)]);
    writer.begin(third, proved).rollback();
    expect(reader.lastGoodCertificate('host-1.test')).toEqual(servedCertificate(1));
    const transaction = writer.begin(third, proved);
    transaction.write(third);
    transaction.commit();
    expect(reader.lastGoodCertificate('host-1.test')).toEqual(servedCertificate(2));
  });

  it('does not bring back a certificate that was unbound on purpose', async () => {
    const { writer, reader } = await storeWithOneHost();
    writer.apply(delta(5, 6, [certificateEntry(2), pluginEntry(1, 1, 2)], [certificateKey(1)]));
    writer.apply(delta(6, 7, [], [pluginKey(1), certificateKey(2)]));
    expect(reader.lastGoodCertificate('host-1.test')).toBeUndefined();
  });

  it('leaves no trace of a dropped key on the disk', async () => {
    const dataDirectory = await temporaryDirectory();
    const { writer, reader } = openStore(dataDirectory);
    writer.apply(delta('empty', 5, [apiEntry(1), certificateEntry(1), pluginEntry(1, 1, 1)]));
    writer.settle({ revision: at(5), keepLastGood: [] });
    const sealedKey = sealedKeyInFile(dataDirectory);
    expect(filesHold(dataDirectory, sealedKey)).toBe(true);
    writer.apply(delta(5, 6, [certificateEntry(2), pluginEntry(1, 1, 2)], [certificateKey(1)]));
    writer.settle({ revision: at(6), keepLastGood: [] });
    await expect.poll(() => filesHold(dataDirectory, sealedKey), { timeout: 5000 }).toBe(false);
    expect(reader.certificate(certificateId(2))).toEqual(servedCertificate(2));
  });
});

describe('node store: while certificates keep changing', () => {
  afterEach(() => void vi.useRealTimers());

  it.each([
    ['after half a minute at the latest', 1, 33],
    ['up to ten seconds before that, as each node draws it', 0, 22],
  ])('leaves no trace of a dropped key %s', async (_when, drawn, last) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const dataDirectory = await temporaryDirectory();
    const { writer } = openStore(dataDirectory, () => drawn);
    writer.apply(delta('empty', 1, [apiEntry(1), certificateEntry(1), pluginEntry(1, 1, 1)]));
    const sealedKey = sealedKeyInFile(dataDirectory);
    // One in 900 ms; the last ends 30.6 s, or 20.7 s, after the first drop.
    for (let n = 2; n <= last + 2; n += 1) {
      const bound = [certificateEntry(n), pluginEntry(1, 1, n)];
      writer.apply(delta(n - 1, n, bound, [certificateKey(n - 1)]));
      writer.settle({ revision: at(n), keepLastGood: [] });
      if (n <= last) expect(filesHold(dataDirectory, sealedKey)).toBe(true);
      vi.advanceTimersByTime(900);
    }
    expect(filesHold(dataDirectory, sealedKey)).toBe(false);
  });
});

describe('node store: what cannot be overwritten for now', () => {
  afterEach(() => void vi.useRealTimers());

  it('is tried again until it can, and keeps nothing from being stored meanwhile', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const dataDirectory = await temporaryDirectory();
    const { writer, database } = openStoreOnFullDisk(dataDirectory, 10_000);
    writer.apply(delta('empty', 5, [apiEntry(1), certificateEntry(1), pluginEntry(1, 1, 1)]));
    const sealedKey = sealedKeyInFile(dataDirectory);
    writer.apply(delta(5, 6, [certificateEntry(2), pluginEntry(1, 1, 2)], [certificateKey(1)]));
    const full = new Error('database or disk is full');
    const checkpoint = vi.spyOn(database, 'checkpoint').mockImplementation(() => {
      throw full;
    });
    writer.settle({ revision: at(6), keepLastGood: [] });
    // What a timer throws would come out of here, as it would end the process.
    vi.advanceTimersByTime(3_500);
    expect(checkpoint).toHaveBeenCalledTimes(3);
    expect(
      logger.lines.filter(({ fields }) => 'err' in fields && fields.err === full),
    ).toHaveLength(3);
    expect(filesHold(dataDirectory, sealedKey)).toBe(true);
    expect(writer.apply(delta(6, 7, [apiEntry(2)])).revision).toBe(7);
    checkpoint.mockRestore();
    vi.advanceTimersByTime(1_000);
    expect(filesHold(dataDirectory, sealedKey)).toBe(false);
  });
});

describe('node store: keys', () => {
  it('are never on the disk in the clear, and the files are for the owner alone', async () => {
    const dataDirectory = await temporaryDirectory();
    const { writer } = openStore(dataDirectory);
    writer.apply(delta('empty', 5, [apiEntry(1), certificateEntry(1), pluginEntry(1, 1, 1)]));
    expect(filesHold(dataDirectory, Buffer.from('canary-key'))).toBe(false);
    for (const file of readdirSync(dataDirectory)) {
      expect(statSync(join(dataDirectory, file)).mode & 0o077).toBe(0);
    }
  });

  it('refuses a node key that others may read', async () => {
    const dataDirectory = await temporaryDirectory();
    openNodeStoreWriter({ dataDirectory }, logger).close();
    chmodSync(join(dataDirectory, 'node.key'), 0o644);
    expect(() => openNodeStoreWriter({ dataDirectory }, logger)).toThrow(NodeKeyError);
  });

  it('starts anew when the node key is another one', async () => {
    const dataDirectory = await temporaryDirectory();
    const first = openNodeStoreWriter({ dataDirectory }, logger);
    first.apply(delta('empty', 5, [certificateEntry(1)]));
    first.close();
    writeFileSync(join(dataDirectory, 'node.key'), Buffer.alloc(32, 7));
    const { writer } = openStore(dataDirectory);
    expect(writer.revision).toBeUndefined();
  });
});

describe('node store: damage', () => {
  const hosts = Array.from({ length: 300 }, (_, n) => [
    apiEntry(n),
    certificateEntry(n),
    pluginEntry(n, n, n),
  ]).flat();

  async function closedStore(): Promise<{ dataDirectory: string; file: string }> {
    const dataDirectory = await temporaryDirectory();
    const writer = openNodeStoreWriter({ dataDirectory }, logger);
    writer.apply(delta('empty', 5, hosts));
    writer.close();
    return { dataDirectory, file: join(dataDirectory, 'node-store.sqlite') };
  }

  const damages: [string, (file: string) => void][] = [
    ['a truncated', (file) => truncateSync(file, 3000)],
    ['an overwritten', (file) => writeFileSync(file, Buffer.alloc(50_000, 0xa5))],
    ['an empty', (file) => truncateSync(file, 0)],
  ];
  it.each(damages)('starts anew from %s file', async (_, damage) => {
    const { dataDirectory, file } = await closedStore();
    damage(file);
    const { writer } = openStore(dataDirectory);
    expect(writer.revision).toBeUndefined();
    writer.apply(delta('empty', 6, [apiEntry(1)]));
  });

  it('reads a store through at the start, unless it is just as it was closed in order', async () => {
    const { dataDirectory, file } = await closedStore();
    const revisionAfter = (touch: () => void) => {
      touch();
      const writer = openNodeStoreWriter({ dataDirectory }, logger);
      const { revision } = writer;
      writer.close();
      return revision;
    };
    const zeroALateHalf = () => {
      const bytes = readFileSync(file);
      writeFileSync(file, bytes.fill(0, bytes.length >> 1));
    };
    expect(revisionAfter(() => {})).toBe(5);
    const { atime, mtime } = statSync(file);
    expect(
      revisionAfter(() => {
        zeroALateHalf();
        utimesSync(file, atime, mtime); // as nothing but a test does
      }),
    ).toBe(5);
    // The mark of an orderly end is gone with it, as after a crash.
    expect(revisionAfter(() => rmSync(`${file}-closed`))).toBeUndefined();
  });

  it('finds changed rows, takes them out, and a full snapshot mends the store', async () => {
    const { dataDirectory, file } = await closedStore();
    const database = new Database(file);
    database
      .prepare(`UPDATE certificate SET sealed_key = x'00' WHERE id = ?`)
      .run(certificateId(7));
    const twisted = database
      .prepare(`UPDATE api SET json = replace(json, 'api-8', 'api-9') WHERE json LIKE '%"api-8%'`)
      .run().changes;
    // Columns that readers ask, apart from the entry they were made of.
    database
      .prepare('UPDATE plugin SET certificate_id = ? WHERE scope = ?')
      .run(certificateId(1), apiId(2));
    database
      .prepare('UPDATE binding SET certificate_id = ? WHERE host = ?')
      .run(certificateId(1), 'host-3.test');
    database.close();
    const { writer, reader } = openStore(dataDirectory);
    const { digest } = writer;
    expect(reader.certificate(certificateId(7))).toBeUndefined();
    expect(await writer.verify()).toBe(twisted + 3);
    expect(reader.bindingByHost('host-2.test')).toEqual({ certificateId: undefined });
    expect(reader.bindingByHost('host-3.test')).toBeUndefined();
    expect(writer.digest).not.toBe(digest);
    writer.apply(delta('empty', 5, hosts));
    expect(writer.digest).toBe(digest);
    expect(await writer.verify()).toBe(0);
    expect(reader.certificate(certificateId(7))).toEqual(servedCertificate(7));
  });

  it("answers a handshake's question with one look-up by an integer", async () => {
    const dataDirectory = await temporaryDirectory();
    openStore(dataDirectory);
    const database = new Database(join(dataDirectory, 'node-store.sqlite'), { readonly: true });
    onTestFinished(() => {
      database.close();
    });
    const plan = database
      .prepare<[string, number], { detail: string }>(`EXPLAIN QUERY PLAN ${bindingByHash}`)
      .all('host-1.test', 1);
    expect(plan.map(({ detail }) => detail)).toEqual([
      'SEARCH binding USING INTEGER PRIMARY KEY (rowid=?)',
    ]);
  });

  it('tells hosts of the same hash apart, also when one of them goes', async () => {
    const [first, second] = hostsOfOneHash();
    const { writer, reader } = await emptyStore();
    const bound = () => [first, second].map((host) => reader.bindingByHost(host)?.certificateId);
    const entries = (n: number, host: string) => [
      apiEntry(n, { requestHost: host }),
      certificateEntry(n),
      pluginEntry(n, n, n),
    ];
    writer.apply(delta('empty', 1, entries(1, first)));
    expect(bound()).toEqual([certificateId(1), undefined]);
    expect(reader.bindingByHost(second)).toBeUndefined();
    writer.apply(delta(1, 2, entries(2, second)));
    expect(bound()).toEqual([certificateId(1), certificateId(2)]);
    writer.apply(delta(2, 3, [certificateEntry(3), pluginEntry(1, 1, 3)]));
    expect(bound()).toEqual([certificateId(3), certificateId(2)]);
    writer.apply(delta(3, 4, [], [pluginKey(2), apiKey(2)]));
    expect(bound()).toEqual([certificateId(3), undefined]);
    expect(reader.bindingByHost(second)).toBeUndefined();
    expect(await writer.verify()).toBe(0);
  });

  it('holds every revision it said it had after the process was killed', async () => {
    const dataDirectory = await temporaryDirectory();
    const script = builtFile('test/fleet/write-until-killed.js');
    const child = spawnSync(process.execPath, [script, dataDirectory], { encoding: 'utf8' });
    expect(child.signal).toBe('SIGKILL');
    const said = Number(child.stdout.trim().split('\n').at(-1));
    const { writer, reader } = openStore(dataDirectory);
    expect([writer.logId, writer.revision]).toEqual([logId, said]);
    expect(reader.apiByHost(`host-${said}.test`)).toBeDefined();
    expect(reader.apiByHost(`host-${said + 1}.test`)).toBeUndefined();
    expect(await writer.verify()).toBe(0);
  });
});

/** Of some fifty thousand names two have the same hash of 31 bits. */
function hostsOfOneHash(): [string, string] {
  const seen = new Map<number, string>();
  for (let n = 0; ; n += 1) {
    const host = `n${n}.test`;
    const other = seen.get(hostHash(host));
    if (other !== undefined) return [other, host];
    seen.set(hostHash(host), host);
  }
}

function sealedKeyInFile(dataDirectory: string): Buffer {
  const database = new Database(join(dataDirectory, 'node-store.sqlite'), { readonly: true });
  const sealed = database.prepare<[], Buffer>('SELECT sealed_key FROM certificate').pluck().get();
  database.close();
  if (sealed === undefined) throw new Error('the store holds no certificate');
  return sealed;
}

function filesHold(directory: string, bytes: Buffer): boolean {
  return readdirSync(directory).some((file) => readFileSync(join(directory, file)).includes(bytes));
}
