import type { CertificateId } from '../../shared/gateway-model.js';
import type {
  SnapshotChunk,
  SnapshotEntry,
  SnapshotEntryKey,
  SnapshotRange,
} from '../../shared/snapshot.js';
import {
  emptyDigest,
  entryHash,
  formatDigest,
  type SnapshotDigest,
  withEntry,
  withoutEntry,
} from '../../shared/snapshot-digest.js';
import type { SqliteStatement } from '../../shared/sqlite.js';
import type { Bindings, Reach } from './bindings.js';
import { type EntryTables, keyOf, type StoredEntry } from './entry-tables.js';
import { SnapshotInconsistentError } from './errors.js';
import type { LastGood } from './last-good.js';
import type { AppliedChanges } from './node-store.js';

/** Above this a worker looks at everything again; naming so many hosts would cost more. */
const maxNamedHosts = 1000;

export interface StorePosition {
  readonly digest: SnapshotDigest;
  /** Number of the full snapshot that the store's rows belong to. */
  readonly epoch: number;
}

export interface StoreParts {
  readonly tables: EntryTables;
  readonly bindings: Bindings;
  readonly lastGood: LastGood;
  /** Sets log id, revision, digest and epoch. */
  readonly move: SqliteStatement<never>;
}

/**
 * One snapshot on its way into the store: a delta or a full one, in any number of pieces, inside one
 * SQLite transaction. Readers go on seeing the snapshot before it until `commit`.
 */
export class StoreChange {
  readonly #move: SqliteStatement<never>;
  readonly #tables: EntryTables;
  readonly #bindings: Bindings;
  readonly #lastGood: LastGood;
  readonly #range: SnapshotRange;
  readonly #isFull: boolean;
  readonly #epoch: number;
  #digest: SnapshotDigest;
  /** Every host reached so far, with the certificate it was bound to before the change. */
  readonly #before = new Map<string, CertificateId | undefined>();
  /** Entries after whose change a reference could lead nowhere: plugins put, APIs and certificates gone. */
  readonly #written: SnapshotEntryKey[] = [];
  #patternsChanged = false;

  constructor(parts: StoreParts, range: SnapshotRange, position: StorePosition) {
    this.#move = parts.move;
    this.#tables = parts.tables;
    this.#bindings = parts.bindings;
    this.#lastGood = parts.lastGood;
    this.#range = range;
    this.#isFull = range.from === 'empty';
    // A full snapshot counts from zero, so that it also mends a digest that had gone wrong.
    this.#digest = this.#isFull ? emptyDigest : position.digest;
    this.#epoch = this.#isFull ? position.epoch + 1 : position.epoch;
  }

  write({ upserts, removals }: SnapshotChunk): void {
    for (const entry of upserts) this.#upsert(entry);
    for (const key of removals) this.#remove(key);
  }

  /**
   * Checks and completes the change; the caller commits the transaction.
   * @throws SnapshotInconsistentError if a plugin would lack its API or certificate.
   */
  complete(): AppliedChanges {
    if (this.#isFull) {
      for (const key of this.#tables.staleEntries(this.#epoch)) this.#remove(key);
    }
    this.#checkConsistency();
    for (const [host, before] of this.#before) {
      const now = this.#bindings.renew(host);
      // A host that had no certificate has no last good one either.
      if (before !== undefined) this.#lastGood.rebound(host, before, now);
    }
    const { logId, to } = this.#range;
    this.#move.run(logId, to, formatDigest(this.#digest), this.#epoch);
    const hosts = this.#before.size > maxNamedHosts ? 'all' : [...this.#before.keys()];
    return { revision: to, hosts, patternsChanged: this.#patternsChanged };
  }

  #upsert(entry: SnapshotEntry): void {
    const key = keyOf(entry);
    const hash = entryHash(entry);
    const stored = this.#tables.find(key);
    this.#uncount(stored);
    this.#digest = withEntry(this.#digest, hash);
    if (stored?.hash === hash) {
      if (this.#isFull) this.#tables.renew(key, this.#epoch);
      return;
    }
    if (stored !== undefined) this.#note(this.#bindings.reachOf(key));
    this.#note(this.#bindings.reachOfNew(entry));
    this.#tables.put(entry, hash, this.#epoch);
    if (key.kind === 'plugin') this.#written.push(key);
  }

  #remove(key: SnapshotEntryKey): void {
    const stored = this.#tables.find(key);
    if (stored === undefined) return;
    this.#uncount(stored);
    this.#note(this.#bindings.reachOf(key));
    this.#tables.remove(key);
    if (key.kind !== 'plugin') this.#written.push(key);
  }

  /** Takes a stored entry out of the digest, if it was counted: at this epoch. */
  #uncount(stored: StoredEntry | undefined): void {
    if (stored?.epoch === this.#epoch) this.#digest = withoutEntry(this.#digest, stored.hash);
  }

  // Called before each write, so what is noted first is what the host was bound to before the change:
  // an earlier write that altered the binding has noted it.
  #note({ hosts, pattern }: Reach): void {
    for (const host of hosts) {
      if (!this.#before.has(host)) this.#before.set(host, this.#bindings.certificateOf(host));
    }
    this.#patternsChanged ||= pattern;
  }

  // Of a delta only what it could have broken: scanning every plugin would make its cost grow with the
  // size of the snapshot. Of a full snapshot everything at once, which is a tenth of the time.
  #checkConsistency(): void {
    const broken = this.#isFull
      ? this.#bindings.firstDangling()
      : this.#written.find((key) => !this.#bindings.isWhole(key));
    if (broken === undefined) return;
    const { to } = this.#range;
    throw new SnapshotInconsistentError(
      `snapshot ${to}: after ${broken.kind} ${broken.id} a plugin lacks its API or its certificate`,
    );
  }
}
