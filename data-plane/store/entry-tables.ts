import { canonicalText } from '../../shared/canonical-json.js';
import type { SnapshotEntry, SnapshotEntryKey } from '../../shared/snapshot.js';
import type { EntryHash } from '../../shared/snapshot-digest.js';
import type { SqliteDatabase, SqliteStatement } from '../../shared/sqlite.js';
import type { NodeKey } from './node-key.js';
import { everyApi } from './schema.js';

interface EntryRow {
  readonly hash: Buffer;
  readonly epoch: number;
}

export interface StoredEntry {
  readonly hash: EntryHash;
  readonly epoch: number;
}

type Kind = SnapshotEntry['kind'];
export const entryKinds: readonly Kind[] = ['plugin', 'api', 'certificate'];

/** The rows of the three kinds of entries: writes, and what is stored of an entry. */
export class EntryTables {
  readonly #key: NodeKey;
  readonly #find: Record<Kind, SqliteStatement<EntryRow>>;
  readonly #renew: Record<Kind, SqliteStatement<never>>;
  readonly #stale: Record<Kind, SqliteStatement<{ id: string }>>;
  readonly #remove: Record<Kind, SqliteStatement<never>>;
  readonly #putApi: SqliteStatement<never>;
  readonly #putPlugin: SqliteStatement<never>;
  readonly #putCertificate: SqliteStatement<never>;

  constructor(database: SqliteDatabase, key: NodeKey) {
    this.#key = key;
    const perKind = <Row>(sql: (table: Kind, inSnapshot: string) => string) => ({
      api: database.prepare<Row>(sql('api', '')),
      plugin: database.prepare<Row>(sql('plugin', '')),
      certificate: database.prepare<Row>(sql('certificate', ' AND retired = 0')),
    });
    this.#find = perKind((table, alive) => `SELECT hash, epoch FROM ${table} WHERE id = ?${alive}`);
    this.#renew = perKind((table) => `UPDATE ${table} SET epoch = ? WHERE id = ?`);
    this.#stale = perKind((table, alive) => `SELECT id FROM ${table} WHERE epoch <> ?${alive}`);
    this.#remove = {
      api: database.prepare('DELETE FROM api WHERE id = ?'),
      plugin: database.prepare('DELETE FROM plugin WHERE id = ?'),
      certificate: database.prepare('UPDATE certificate SET retired = 1 WHERE id = ?'),
    };
    this.#putApi = database.prepare('INSERT OR REPLACE INTO api VALUES (?, ?, ?, ?, ?, ?, ?)');
    this.#putPlugin = database.prepare(
      'INSERT OR REPLACE INTO plugin VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    this.#putCertificate = database.prepare(
      'INSERT OR REPLACE INTO certificate VALUES (?, ?, ?, ?, ?, 0, ?, ?)',
    );
  }

  /** The entry as it stands in the snapshot, `undefined` if it is not in it. */
  find({ kind, id }: SnapshotEntryKey): StoredEntry | undefined {
    const row = this.#find[kind].get(id);
    return row && { hash: BigInt(`0x${row.hash.toString('hex')}`), epoch: row.epoch };
  }

  put(entry: SnapshotEntry, hash: EntryHash, epoch: number): void {
    const hashBytes = Buffer.from(hash.toString(16).padStart(64, '0'), 'hex');
    switch (entry.kind) {
      case 'api': {
        const { id, requestHost, requestPath } = entry.value;
        const host = requestHost?.toLowerCase() ?? null;
        const json = canonicalText(entry.value);
        const wildcard = Number(host?.includes('*') ?? false);
        const path = Number(requestPath !== undefined);
        this.#putApi.run(id, host, wildcard, path, json, hashBytes, epoch);
        return;
      }
      case 'plugin': {
        const { id, apiId, enabled, config } = entry.value;
        const scope = apiId ?? everyApi;
        const json = canonicalText(entry.value);
        this.#putPlugin.run(
          id,
          scope,
          Number(enabled),
          config.certificateId,
          json,
          hashBytes,
          epoch,
        );
        return;
      }
      case 'certificate': {
        const { id, fingerprint256, chainPem, keyPem, notAfter } = entry.value;
        const sealed = this.#key.seal(keyPem, id);
        this.#putCertificate.run(id, fingerprint256, chainPem, sealed, notAfter, hashBytes, epoch);
        return;
      }
      default:
        entry satisfies never;
    }
  }

  /** Says that a full snapshot holds an entry unchanged. */
  renew({ kind, id }: SnapshotEntryKey, epoch: number): void {
    this.#renew[kind].run(epoch, id);
  }

  /** A certificate is only retired: its row stays for as long as some host's last good one is in it. */
  remove({ kind, id }: SnapshotEntryKey): void {
    this.#remove[kind].run(id);
  }

  /** Entries that the full snapshot numbered `epoch` does not hold. */
  staleEntries(epoch: number): SnapshotEntryKey[] {
    return entryKinds.flatMap((kind) =>
      // Ids come out of the table as they went in.
      this.#stale[kind].all(epoch).map(({ id }) => ({ kind, id }) as SnapshotEntryKey),
    );
  }
}

export function keyOf(entry: SnapshotEntry): SnapshotEntryKey {
  switch (entry.kind) {
    case 'api':
      return { kind: 'api', id: entry.value.id };
    case 'plugin':
      return { kind: 'plugin', id: entry.value.id };
    case 'certificate':
      return { kind: 'certificate', id: entry.value.id };
  }
}
