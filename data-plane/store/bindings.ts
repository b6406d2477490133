import type { CertificateId, PluginId } from '../../shared/gateway-model.js';
import type { SnapshotEntry, SnapshotEntryKey } from '../../shared/snapshot.js';
import type { SqliteDatabase, SqliteStatement } from '../../shared/sqlite.js';
import { HostBindings, hostHash } from './host-bindings.js';
import { everyApi } from './schema.js';

interface HostRow {
  readonly host: string | null;
  readonly pattern: number;
}

const hostColumns = 'a.host AS host, (a.has_wildcard OR a.has_path) AS pattern';

/** Which hosts a change of an entry reaches, and which certificate each host is bound to. */
export class Bindings {
  readonly #hosts: HostBindings;
  readonly #bind: SqliteStatement<never>;
  readonly #release: SqliteStatement<never>;
  readonly #api: SqliteStatement<HostRow>;
  readonly #everyApi: SqliteStatement<HostRow>;
  readonly #scopeOfPlugin: SqliteStatement<{ scope: string }>;
  readonly #scopesOfCertificate: SqliteStatement<{ scope: string }>;
  readonly #anyDangling: SqliteStatement<{ id: PluginId }>;
  readonly #dangling: Record<SnapshotEntryKey['kind'], SqliteStatement<unknown>>;

  constructor(database: SqliteDatabase) {
    this.#hosts = new HostBindings(database);
    this.#bind = database.prepare(`
      INSERT INTO binding (host_hash, host, certificate_id) VALUES (?, ?, ?)
      ON CONFLICT DO UPDATE SET
        host = iif(host = excluded.host, host, NULL),
        certificate_id = iif(host = excluded.host, excluded.certificate_id, NULL)
      WHERE host <> excluded.host OR certificate_id IS NOT excluded.certificate_id`);
    this.#release = database.prepare('DELETE FROM binding WHERE host_hash = ? AND host = ?');
    this.#api = database.prepare(`SELECT ${hostColumns} FROM api a WHERE a.id = ?`);
    this.#everyApi = database.prepare(`SELECT ${hostColumns} FROM api a`);
    this.#scopeOfPlugin = database.prepare('SELECT scope FROM plugin WHERE id = ?');
    this.#scopesOfCertificate = database.prepare(
      'SELECT DISTINCT scope FROM plugin WHERE certificate_id = ?',
    );
    // By indexes alone: reading 100,000 certificates to learn that none is retired would take seconds.
    this.#anyDangling = database.prepare(`
      SELECT p.id FROM plugin p
      LEFT JOIN certificate c ON c.id = p.certificate_id
      LEFT JOIN api a ON a.id = p.scope
      WHERE c.id IS NULL OR c.id IN (SELECT id FROM certificate WHERE retired = 1)
        OR (a.id IS NULL AND p.scope <> '${everyApi}') LIMIT 1`);
    const dangling = (name: string) => `
      SELECT 1 FROM plugin p
      LEFT JOIN certificate c ON c.id = p.certificate_id AND c.retired = 0
      LEFT JOIN api a ON a.id = p.scope
      WHERE p.${name} = ? AND (c.id IS NULL OR (a.id IS NULL AND p.scope <> '${everyApi}')) LIMIT 1`;
    this.#dangling = {
      api: database.prepare(dangling('scope')),
      plugin: database.prepare(dangling('id')),
      certificate: database.prepare(dangling('certificate_id')),
    };
  }

  /** Whether every plugin that has to do with the entry has its API and its certificate. */
  isWhole({ kind, id }: SnapshotEntryKey): boolean {
    return this.#dangling[kind].get(id) === undefined;
  }

  /** A plugin that lacks its API or its certificate, if any does. */
  firstDangling(): SnapshotEntryKey | undefined {
    const plugin = this.#anyDangling.get();
    return plugin && { kind: 'plugin', id: plugin.id };
  }

  /** What readers take the API with this very `request_host` to be bound to. */
  certificateOf(host: string): CertificateId | undefined {
    return this.#hosts.find(host)?.certificateId;
  }

  /** Binds the host anew: to the certificate of the enabled plugin that applies to it now. */
  renew(host: string): CertificateId | undefined {
    const binding = this.#hosts.derive(host);
    if (binding === undefined) this.#release.run(hostHash(host), host);
    else this.#bind.run(hostHash(host), host, binding.certificateId ?? null);
    return binding?.certificateId;
  }

  /** Hosts that the entry's stored form reaches, and whether wildcard or path APIs are among them. */
  reachOf(key: SnapshotEntryKey): Reach {
    switch (key.kind) {
      case 'api':
        return reach(this.#api.all(key.id));
      case 'plugin':
        return this.#reachOfScopes(this.#scopeOfPlugin.all(key.id));
      case 'certificate':
        return this.#reachOfScopes(this.#scopesOfCertificate.all(key.id));
    }
  }

  /** Hosts that the entry will reach once it is stored. */
  reachOfNew(entry: SnapshotEntry): Reach {
    switch (entry.kind) {
      case 'api': {
        const host = entry.value.requestHost?.toLowerCase() ?? null;
        const pattern = host?.includes('*') || entry.value.requestPath !== undefined;
        return reach([{ host, pattern: Number(pattern) }]);
      }
      case 'plugin':
        return this.#reachOfScopes([{ scope: entry.value.apiId ?? everyApi }]);
      case 'certificate':
        return { hosts: [], pattern: false };
    }
  }

  #reachOfScopes(scopes: readonly { scope: string }[]): Reach {
    if (scopes.some(({ scope }) => scope === everyApi)) return reach(this.#everyApi.all());
    return reach(scopes.flatMap(({ scope }) => this.#api.all(scope)));
  }
}

export interface Reach {
  readonly hosts: readonly string[];
  readonly pattern: boolean;
}

function reach(rows: readonly HostRow[]): Reach {
  return {
    hosts: rows.flatMap(({ host }) => (host === null ? [] : [host])),
    pattern: rows.some(({ pattern }) => pattern !== 0),
  };
}
