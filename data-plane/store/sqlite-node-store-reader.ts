import type { Api, CertificateId, SslPlugin } from '../../shared/gateway-model.js';
import type { Revision } from '../../shared/revision.js';
import type { ServedCertificate } from '../../shared/snapshot.js';
import { isSqliteDamage, type SqliteDatabase, type SqliteStatement } from '../../shared/sqlite.js';
import { type HostBinding, HostBindings } from './host-bindings.js';
import type { NodeKey } from './node-key.js';
import type { NodeStoreReader, RoutedApi } from './node-store.js';
import { everyApi } from './schema.js';

interface RoutedRow {
  readonly api: string;
  readonly ssl: string | null;
}

interface CertificateRow {
  readonly id: CertificateId;
  readonly fingerprint256: string;
  readonly chain_pem: string;
  readonly sealed_key: Buffer;
  readonly not_after: number;
}

/** Each question is one prepared statement whose every step is an index lookup. */
export class SqliteNodeStoreReader implements NodeStoreReader {
  readonly #database: SqliteDatabase;
  readonly #key: NodeKey;
  readonly #revision: SqliteStatement<{ revision: Revision | null }>;
  readonly #byHost: SqliteStatement<RoutedRow>;
  readonly #bindings: HostBindings;
  readonly #wildcards: SqliteStatement<RoutedRow>;
  readonly #paths: SqliteStatement<RoutedRow>;
  readonly #certificate: SqliteStatement<CertificateRow>;
  readonly #fingerprint: SqliteStatement<string>;
  readonly #lastGood: SqliteStatement<CertificateRow>;
  readonly #unproved: SqliteStatement<{ host: string }>;

  constructor(database: SqliteDatabase, key: NodeKey) {
    this.#database = database;
    this.#key = key;
    this.#revision = database.prepare('SELECT revision FROM snapshot');
    const routed = (where: string) =>
      database.prepare<RoutedRow>(`
        SELECT a.json AS api, coalesce(own.json, every.json) AS ssl
        FROM api a
        LEFT JOIN plugin own ON own.scope = a.id AND own.enabled = 1
        LEFT JOIN plugin every ON every.scope = '${everyApi}' AND every.enabled = 1
        WHERE ${where} ORDER BY a.id`);
    this.#bindings = new HostBindings(database);
    this.#byHost = routed('a.host = ?');
    this.#wildcards = routed('a.has_wildcard = 1');
    this.#paths = routed('a.has_path = 1');
    const columns = 'c.id, c.fingerprint256, c.chain_pem, c.sealed_key, c.not_after';
    this.#certificate = database.prepare(
      `SELECT ${columns} FROM certificate c WHERE c.id = ? AND c.retired = 0`,
    );
    this.#fingerprint = database.prepareColumn(
      'SELECT fingerprint256 FROM certificate WHERE id = ? AND retired = 0',
    );
    this.#lastGood = database.prepare(`
      SELECT ${columns} FROM last_good l JOIN certificate c ON c.id = l.certificate_id
      WHERE l.host = ?`);
    this.#unproved = database.prepare('SELECT host FROM last_good LIMIT ?');
  }

  revision(): Revision | undefined {
    return this.#revision.get()?.revision ?? undefined;
  }

  apiByHost(host: string): RoutedApi | undefined {
    return unlessDamaged(() => {
      const row = this.#byHost.get(host);
      return row && routedApi(row);
    }, undefined);
  }

  bindingByHost(host: string): HostBinding | undefined {
    return unlessDamaged(() => this.#bindings.find(host), undefined);
  }

  wildcardApis(): readonly RoutedApi[] {
    return unlessDamaged(() => this.#wildcards.all().map(routedApi), []);
  }

  pathApis(): readonly RoutedApi[] {
    return unlessDamaged(() => this.#paths.all().map(routedApi), []);
  }

  certificate(id: CertificateId): ServedCertificate | undefined {
    return unlessDamaged(() => this.#served(this.#certificate.get(id)), undefined);
  }

  fingerprint(id: CertificateId): string | undefined {
    return unlessDamaged(() => this.#fingerprint.get(id), undefined);
  }

  lastGoodCertificate(requestHost: string): ServedCertificate | undefined {
    const host = requestHost.toLowerCase();
    return unlessDamaged(() => this.#served(this.#lastGood.get(host)), undefined);
  }

  unprovedHosts(limit: number): readonly string[] {
    return unlessDamaged(() => this.#unproved.all(limit).map(({ host }) => host), []);
  }

  close(): void {
    this.#database.close();
  }

  // A key that does not unseal is damaged: to the workers it is as good as not there, and they keep
  // to the last good certificate until `verify` has had it replaced.
  #served(row: CertificateRow | undefined): ServedCertificate | undefined {
    const keyPem = row && this.#key.unseal(row.sealed_key, row.id);
    if (row === undefined || keyPem === undefined) return undefined;
    const { id, fingerprint256, chain_pem: chainPem, not_after: notAfter } = row;
    return { id, fingerprint256, chainPem, keyPem, notAfter };
  }
}

/**
 * What lies on a page that got damaged while the node runs is as if it were not there: readers answer
 * inside handshakes, where an error would take the whole process down.
 */
function unlessDamaged<Answer>(read: () => Answer, otherwise: Answer): Answer {
  try {
    return read();
  } catch (error) {
    if (isSqliteDamage(error) || error instanceof SyntaxError) return otherwise;
    throw error;
  }
}

function routedApi({ api, ssl }: RoutedRow): RoutedApi {
  // Written by this node out of validated entries.
  return {
    api: JSON.parse(api) as Api,
    ssl: ssl === null ? undefined : (JSON.parse(ssl) as SslPlugin),
  };
}
