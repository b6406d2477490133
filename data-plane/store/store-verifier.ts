import { createHash } from 'node:crypto';
import type { CertificateId } from '../../shared/gateway-model.js';
import type { SnapshotEntry, SnapshotEntryKey } from '../../shared/snapshot.js';
import { entryHash, formatDigest } from '../../shared/snapshot-digest.js';
import type { SqliteDatabase, SqliteStatement } from '../../shared/sqlite.js';
import { HostBindings } from './host-bindings.js';
import type { NodeKey } from './node-key.js';
import { everyApi } from './schema.js';

type Kind = SnapshotEntry['kind'];

interface JsonRow {
  readonly id: string;
  /** Whether the columns that readers ask say what the entry says. */
  readonly agrees: number;
  readonly json: string;
  readonly hash: Buffer;
  /** Of an API: its `request_host`. */
  readonly host: string | null;
}

interface CertificateRow {
  readonly id: CertificateId;
  readonly fingerprint256: string;
  readonly chain_pem: string;
  readonly sealed_key: Buffer;
  readonly not_after: number;
  readonly hash: Buffer;
}

const sliceRows = 200;

/** Finds rows that are not what was once written: SQLite itself does not checksum its pages. */
export class StoreVerifier {
  readonly #key: NodeKey;
  readonly #bindings: HostBindings;
  readonly #json: Record<'api' | 'plugin', SqliteStatement<JsonRow>>;
  readonly #certificate: SqliteStatement<CertificateRow>;

  constructor(database: SqliteDatabase, key: NodeKey) {
    this.#key = key;
    this.#bindings = new HostBindings(database);
    const json = (table: string, host: string, agrees: string) =>
      database.prepare<JsonRow>(`
        SELECT id, json, hash, ${host} AS host, CASE WHEN json_valid(json) THEN ${agrees} ELSE 0 END AS agrees
        FROM ${table} WHERE id > ? ORDER BY id LIMIT ${sliceRows}`);
    this.#json = {
      api: json('api', 'host', `host IS lower(json ->> '$.requestHost')`),
      plugin: json(
        'plugin',
        'NULL',
        `certificate_id = json ->> '$.config.certificateId' AND enabled = json ->> '$.enabled'
         AND scope = coalesce(json ->> '$.apiId', '${everyApi}')`,
      ),
    };
    this.#certificate = database.prepare(`
      SELECT id, fingerprint256, chain_pem, sealed_key, not_after, hash FROM certificate
      WHERE id > ? AND retired = 0 ORDER BY id LIMIT ${sliceRows}`);
  }

  /** Checks the rows of one kind after the id `after`; `next` is where to go on, if anywhere. */
  slice(kind: Kind, after: string): { damaged: SnapshotEntryKey[]; next: string | undefined } {
    const rows =
      kind === 'certificate'
        ? this.#certificate
            .all(after)
            .map((row) => ({ id: row.id, ok: this.#isCertificateIntact(row) }))
        : this.#json[kind]
            .all(after)
            .map((row) => ({ id: row.id, ok: this.#isJsonIntact(kind, row) }));
    return {
      // Ids come out of the table as they went in.
      damaged: rows.filter(({ ok }) => !ok).map(({ id }) => ({ kind, id }) as SnapshotEntryKey),
      next: rows.length < sliceRows ? undefined : rows.at(-1)?.id,
    };
  }

  // The stored text is the canonical one that the hash was taken of, so it need not be parsed.
  #isJsonIntact(kind: 'api' | 'plugin', { json, hash, agrees, host }: JsonRow): boolean {
    if (agrees === 0) return false;
    const written = createHash('sha256').update(kind).update('\0').update(json).digest();
    return written.equals(hash) && (host === null || this.#isBoundRight(host));
  }

  #isBoundRight(host: string): boolean {
    const [found, derived] = [this.#bindings.find(host), this.#bindings.derive(host)];
    return found !== undefined && found.certificateId === derived?.certificateId;
  }

  #isCertificateIntact(row: CertificateRow): boolean {
    const { id, fingerprint256, chain_pem: chainPem, not_after: notAfter } = row;
    const hash = entryHash({
      kind: 'certificate',
      value: { id, fingerprint256, chainPem, notAfter },
    });
    return (
      formatDigest(hash) === row.hash.toString('hex') &&
      this.#key.unseal(row.sealed_key, id) !== undefined
    );
  }
}
