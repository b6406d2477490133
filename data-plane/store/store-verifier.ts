import { createHash } from 'node:crypto';
import type { CertificateId } from '../../shared/gateway-model.js';
import type { SnapshotEntry, SnapshotEntryKey } from '../../shared/snapshot.js';
import { entryHash, formatDigest } from '../../shared/snapshot-digest.js';
import type { SqliteDatabase, SqliteStatement } from '../../shared/sqlite.js';
import type { NodeKey } from './node-key.js';
import { derivedCertificate, everyApi } from './schema.js';

type Kind = SnapshotEntry['kind'];

interface JsonRow {
  readonly id: string;
  /** Whether the columns that readers ask say what the entry says. */
  readonly agrees: number;
  readonly json: string;
  readonly hash: Buffer;
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
  readonly #json: Record<'api' | 'plugin', SqliteStatement<JsonRow>>;
  readonly #certificate: SqliteStatement<CertificateRow>;

  constructor(database: SqliteDatabase, key: NodeKey) {
    this.#key = key;
    const json = (table: string, agrees: string) =>
      database.prepare<JsonRow>(`
        SELECT id, json, hash, CASE WHEN json_valid(json) THEN ${agrees} ELSE 0 END AS agrees
        FROM ${table} WHERE id > ? ORDER BY id LIMIT ${sliceRows}`);
    this.#json = {
      api: json(
        'api',
        `host IS lower(json ->> '$.requestHost')
         AND certificate_id IS (${derivedCertificate('api.host')})`,
      ),
      plugin: json(
        'plugin',
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
        ? this.#certificate.all(after).map((row) => ({ id: row.id, ok: this.#isIntact(row) }))
        : this.#json[kind].all(after).map((row) => ({ id: row.id, ok: isIntact(kind, row) }));
    return {
      // Ids come out of the table as they went in.
      damaged: rows.filter(({ ok }) => !ok).map(({ id }) => ({ kind, id }) as SnapshotEntryKey),
      next: rows.length < sliceRows ? undefined : rows.at(-1)?.id,
    };
  }

  #isIntact(row: CertificateRow): boolean {
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

// The stored text is the canonical one that the hash was taken of, so it need not be parsed.
function isIntact(kind: 'api' | 'plugin', { json, hash, agrees }: JsonRow): boolean {
  if (agrees === 0) return false;
  return createHash('sha256').update(kind).update('\0').update(json).digest().equals(hash);
}
