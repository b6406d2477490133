import { randomBytes } from 'node:crypto';
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import type { Logger } from '../../shared/logger.js';
import type { Revision } from '../../shared/revision.js';
import type {
  SnapshotChunk,
  SnapshotDelta,
  SnapshotEntryKey,
  SnapshotRange,
} from '../../shared/snapshot.js';
import { emptyDigest, formatDigest, parseDigest, withEntry } from '../../shared/snapshot-digest.js';
import type { SqliteDatabase, SqliteStatement } from '../../shared/sqlite.js';
import { Bindings } from './bindings.js';
import { EntryTables, entryKinds } from './entry-tables.js';
import { SnapshotMismatchError } from './errors.js';
import { LastGood } from './last-good.js';
import type { NodeKey } from './node-key.js';
import type {
  AppliedChanges,
  NodeStoreTransaction,
  NodeStoreWriter,
  ProvedRevision,
} from './node-store.js';
import type { OrderlyEnd } from './orderly-end.js';
import { migrations } from './schema.js';
import { StoreChange, type StoreParts } from './store-change.js';
import { StoreVerifier } from './store-verifier.js';
import type { WriteAheadLog } from './write-ahead-log.js';

interface SnapshotRow {
  readonly log_id: string | null;
  readonly revision: Revision | null;
  readonly digest: string;
  readonly epoch: number;
  readonly key_check: Buffer;
}

const keyCheckName = 'signet node store';
/**
 * Rotations come in bursts; one checkpoint after a burst is enough to bring erased bytes off the disk, and
 * one in half a minute while it lasts: it holds snapshots up for some writes through to the disk. A fleet's
 * nodes all see the same burst and would hold up together: each goes by a time of its own.
 */
const scrubDelayMs = { afterLast: 1000, afterFirst: { least: 20_000, most: 30_000 } };
/** How often the verifier looks whether the snapshot that is being written is complete. */
const openPollMs = 20;
/** 40 MB: half a minute of it. By SQLite's own default of 4 MB, every few seconds a commit would wait. */
const longestLogPages = 10_000;

export interface NodeStoreWriterOptions {
  readonly database: SqliteDatabase;
  readonly key: NodeKey;
  /** Of the database. */
  readonly log: WriteAheadLog;
  readonly end: OrderlyEnd;
  /** From 0 to 1, as `Math.random`; for jitter. */
  readonly random: () => number;
  readonly logger: Logger;
}

export class SqliteNodeStoreWriter implements NodeStoreWriter {
  readonly #database: SqliteDatabase;
  readonly #log: WriteAheadLog;
  readonly #end: OrderlyEnd;
  readonly #random: () => number;
  readonly #logger: Logger;
  readonly #parts: StoreParts;
  readonly #row: SqliteStatement<SnapshotRow>;
  #position: SnapshotRow;
  readonly #verifier: StoreVerifier;
  #open: NodeStoreTransaction | undefined;
  #isClosed = false;
  #scrub: NodeJS.Timeout | undefined;
  /** When at the latest the write-ahead log, if it holds what is to be erased, has to be cut. */
  #scrubBy: number | undefined;
  #droppedAt = 0;

  /** @throws if the file is damaged or was written under another key: see `openNodeStoreWriter`. */
  constructor({ database, key, log, end, random, logger }: NodeStoreWriterOptions) {
    this.#database = database;
    this.#log = log;
    this.#end = end;
    this.#random = random;
    this.#logger = logger;
    database.migrate(migrations);
    // Commits go to the write-ahead log and are synced by `durable`; checkpoints are synced as ever.
    database.exec('PRAGMA synchronous = NORMAL');
    database.exec(`PRAGMA wal_autocheckpoint = ${longestLogPages}`);
    this.#row = database.prepare('SELECT * FROM snapshot');
    this.#position = this.#row.get() ?? this.#createRow(key);
    if (key.unseal(this.#position.key_check, keyCheckName) === undefined) {
      throw new UnusableStoreError('the node store was written under another node key');
    }
    this.#verifier = new StoreVerifier(database, key);
    this.#parts = {
      tables: new EntryTables(database, key),
      bindings: new Bindings(database),
      lastGood: new LastGood(database),
      move: database.prepare('UPDATE snapshot SET log_id = ?, revision = ?, digest = ?, epoch = ?'),
    };
  }

  get logId(): string | undefined {
    return this.#position.log_id ?? undefined;
  }

  get revision(): Revision | undefined {
    return this.#position.revision ?? undefined;
  }

  get digest(): string {
    return this.#position.digest;
  }

  apply(delta: SnapshotDelta): AppliedChanges {
    const transaction = this.begin(delta);
    transaction.write(delta);
    return transaction.commit();
  }

  begin(range: SnapshotRange, proved?: ProvedRevision): NodeStoreTransaction {
    if (this.#open) throw new SnapshotMismatchError('another snapshot is being written');
    this.#checkRange(range);
    this.#database.exec('BEGIN IMMEDIATE');
    const { epoch, digest } = this.#position;
    const change = new StoreChange(this.#parts, range, {
      epoch,
      digest: parseDigest(digest),
    });
    const transaction: NodeStoreTransaction = {
      write: (chunk: SnapshotChunk) => this.#inside(transaction, () => change.write(chunk)),
      commit: () =>
        this.#inside(transaction, () => {
          const changes = change.complete();
          this.#commit();
          return changes;
        }),
      rollback: () => this.#rollback(transaction),
    };
    this.#open = transaction;
    const served = proved?.revision === this.revision ? proved : undefined;
    if (served) this.#inside(transaction, () => this.#drop(served));
    return transaction;
  }

  durable(): Promise<void> {
    return this.#log.sync();
  }

  settle(proved: ProvedRevision): void {
    if (this.#isClosed) return; // What was not settled is proved again at the next start.
    if (proved.revision !== this.revision || this.#open) return; // A newer snapshot will settle for this one.
    this.#database.write(() => this.#drop(proved));
  }

  lastGoodHosts(): readonly string[] {
    return this.#parts.lastGood.hosts();
  }

  async verify(signal?: AbortSignal): Promise<number> {
    let damaged = 0;
    for (const kind of entryKinds) {
      for (let after: string | undefined = ''; after !== undefined; ) {
        await setImmediate();
        if (signal?.aborted) return damaged;
        if (this.#open) {
          await delay(openPollMs); // A snapshot that comes over a slow link may be open for long.
          continue;
        }
        const slice = this.#verifier.slice(kind, after);
        damaged += slice.damaged.length;
        after = slice.next;
        if (slice.damaged.length > 0) this.#discard(slice.damaged);
      }
    }
    return damaged;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#scrub);
    this.#open?.rollback();
    this.#log.close();
    this.#database.close();
    this.#end.leave();
  }

  #checkRange({ logId, from, to }: SnapshotRange): void {
    const here = this.revision;
    const sameLog = logId === this.logId;
    if (from === 'empty') {
      if (!sameLog || here === undefined || to >= here) return;
      throw new SnapshotMismatchError(`snapshot ${to} is older than ${here}, which the node has`);
    }
    if (!sameLog || from !== here || to <= from) {
      throw new SnapshotMismatchError(
        `a delta from ${from} to ${to} does not fit a node at ${here ?? 'no'} revision`,
      );
    }
  }

  #inside<Result>(transaction: NodeStoreTransaction, work: () => Result): Result {
    if (this.#open !== transaction) {
      throw new SnapshotMismatchError('the transaction was given up before');
    }
    try {
      return work();
    } catch (error) {
      this.#rollback(transaction);
      throw error;
    }
  }

  #commit(): void {
    this.#database.exec('COMMIT');
    this.#open = undefined;
    this.#refresh();
  }

  #rollback(transaction: NodeStoreTransaction): void {
    if (this.#open !== transaction) return;
    this.#open = undefined;
    if (this.#database.isInTransaction) this.#database.exec('ROLLBACK');
  }

  /** Takes damaged entries out and lets the digest show it. */
  #discard(damaged: readonly SnapshotEntryKey[]): void {
    this.#database.write(() => {
      const { tables, bindings } = this.#parts;
      const hosts = damaged.flatMap((key) => bindings.reachOf(key).hosts);
      for (const key of damaged) tables.remove(key);
      for (const host of hosts) bindings.renew(host);
      const digest = withEntry(parseDigest(this.digest), 1n);
      this.#database.prepare('UPDATE snapshot SET digest = ?').run(formatDigest(digest));
    });
    this.#refresh();
  }

  #refresh(): void {
    const row = this.#row.get();
    if (row) this.#position = row;
  }

  #drop({ keepLastGood }: ProvedRevision): void {
    this.#parts.lastGood.keepOnly(keepLastGood);
    if (this.#parts.lastGood.dropRetired() > 0) this.#scrubSoon();
  }

  /** SQLite overwrites what it deletes, but the write-ahead log holds it until it is moved and cut. */
  #scrubSoon(): void {
    this.#droppedAt = performance.now();
    const { least, most } = scrubDelayMs.afterFirst;
    this.#scrubBy ??= this.#droppedAt + least + (most - least) * this.#random();
    // One timer for a burst: one for each change would cost as much as the rows it is about.
    this.#scrub ??= setTimeout(() => this.#scrubIfDue(), scrubDelayMs.afterLast).unref();
  }

  #scrubIfDue(): void {
    this.#scrub = undefined;
    const dueAt = Math.min(
      this.#droppedAt + scrubDelayMs.afterLast,
      this.#scrubBy ?? Number.POSITIVE_INFINITY,
    );
    const waitMs = dueAt - performance.now();
    if (waitMs > 0) {
      this.#scrub = setTimeout(() => this.#scrubIfDue(), Math.ceil(waitMs)).unref();
      return;
    }
    this.#scrubBy = undefined;
    if (this.#open || !this.#checkpoint()) this.#scrubSoon();
  }

  /** Called by a timer: a disk that is full must not end the node, which goes on with what it has. */
  #checkpoint(): boolean {
    try {
      return this.#database.checkpoint();
    } catch (error) {
      this.#logger.error({ err: error }, 'what was deleted is not overwritten yet');
      return false;
    }
  }

  #createRow(key: NodeKey): SnapshotRow {
    const row: SnapshotRow = {
      log_id: null,
      revision: null,
      digest: formatDigest(emptyDigest),
      epoch: 0,
      key_check: key.seal(randomBytes(8).toString('hex'), keyCheckName),
    };
    this.#database
      .prepare('INSERT INTO snapshot VALUES (1, NULL, NULL, ?, 0, ?)')
      .run(row.digest, row.key_check);
    return row;
  }
}

/** Nothing in the store is of use: it is damaged, or its keys can't be unsealed. */
export class UnusableStoreError extends Error {}
