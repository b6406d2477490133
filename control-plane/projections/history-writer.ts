import type { RecordedEvent } from '../../shared/events.js';
import type { Api, Certificate, SslPlugin } from '../../shared/gateway-model.js';
import type { Revision } from '../../shared/revision.js';
import type { SqliteDatabase } from '../../shared/sqlite.js';

type Statements = ReturnType<typeof prepareStatements>;

/** Files one event after the other into the tables of the history index. */
export class HistoryWriter {
  readonly #statements: Statements;

  constructor(database: SqliteDatabase) {
    this.#statements = prepareStatements(database);
  }

  /** Within the caller's transaction, in revision order. */
  add({ revision, event, metadata }: RecordedEvent): void {
    const { type } = event;
    const { actor, correlationId } = metadata;
    this.#statements.event.run(revision, Date.parse(metadata.time), type, actor, correlationId);
    switch (event.type) {
      case 'LogCreated':
        this.#statements.log.run(event.data.logId);
        break;
      case 'ApiAdded':
      case 'ApiUpdated':
        this.#storeApi(revision, event.data.api);
        break;
      case 'ApiDeleted':
        this.#dropApi(revision, event.data.apiId);
        break;
      case 'PluginAdded':
      case 'PluginUpdated':
        this.#storePlugin(revision, event.data.plugin, correlationId);
        break;
      case 'PluginDeleted':
        this.#dropPlugin(revision, event.data.pluginId);
        break;
      case 'CertUploaded':
        this.#storeCertificate(revision, event.data.certificate);
        break;
      case 'KeyErased':
        this.#eraseKey(revision, event.data.certificateId);
        break;
      case 'NodeAdmitted':
      case 'NodeRevoked':
      case 'RevisionServed':
      case 'NothingChanged':
        break; // Concerns no API and no host.
      default:
        event satisfies never;
    }
  }

  #storeApi(revision: Revision, api: Api): void {
    const before = this.#statements.api.get(api.id);
    const host = api.requestHost?.toLowerCase() ?? null;
    this.#concern(revision, api.id, before?.host, host);
    this.#statements.storeApi.run(api.id, host, api.name);
    const moved = before?.host !== host;
    if (before?.host && moved) this.#freeHost(revision, before.host, api.id);
    if (host === null || (before !== undefined && !moved && before.name === api.name)) return;
    const since = before === undefined || moved ? revision : this.#hostSince(host, revision);
    this.#statements.apiOfHost.run(host, revision, api.id, api.name, since);
  }

  #dropApi(revision: Revision, apiId: string): void {
    const before = this.#statements.api.get(apiId);
    this.#concern(revision, apiId, before?.host);
    this.#statements.dropApi.run(apiId);
    if (before?.host) this.#freeHost(revision, before.host, apiId);
  }

  /** Unless another API has taken the host over meanwhile. */
  #freeHost(revision: Revision, host: string, apiId: string): void {
    if (this.#statements.lastApiOfHost.get(host)?.api !== apiId) return;
    this.#statements.apiOfHost.run(host, revision, null, '', revision);
  }

  #hostSince(host: string, revision: Revision): number {
    return this.#statements.lastApiOfHost.get(host)?.since ?? revision;
  }

  #storePlugin(revision: Revision, plugin: SslPlugin, correlationId: string): void {
    const scope = plugin.apiId ?? 'all';
    const before = this.#statements.plugin.get(plugin.id);
    if (before !== undefined && before.scope !== scope) this.#freeScope(revision, before.scope);
    const { certificateId } = plugin.config;
    const uploaded = this.#statements.certificate.get(certificateId)?.uploaded;
    const host = this.#concernScope(revision, scope);
    // The upload of the same request belongs to the same API.
    if (
      uploaded !== undefined &&
      this.#statements.correlation.get(uploaded)?.correlation === correlationId
    ) {
      this.#concernScope(uploaded, scope);
    }
    this.#statements.storePlugin.run(plugin.id, scope);
    this.#statements.useCertificate.run(scope, host, certificateId);
    const last = this.#statements.lastPluginOfScope.get(scope);
    const enabled = plugin.enabled ? 1 : 0;
    const isSame =
      last?.plugin === plugin.id && last.certificate === certificateId && last.enabled === enabled;
    const since = isSame ? last.since : revision;
    this.#statements.pluginOfScope.run(scope, revision, plugin.id, certificateId, enabled, since);
  }

  #dropPlugin(revision: Revision, pluginId: string): void {
    const before = this.#statements.plugin.get(pluginId);
    if (before === undefined) return;
    this.#concernScope(revision, before.scope);
    this.#statements.dropPlugin.run(pluginId);
    this.#freeScope(revision, before.scope);
  }

  #freeScope(revision: Revision, scope: string): void {
    this.#concernScope(revision, scope);
    this.#statements.pluginOfScope.run(scope, revision, null, null, 0, revision);
  }

  #storeCertificate(revision: Revision, certificate: Certificate): void {
    const { id, fingerprint256, names, notBefore, notAfter, keyAlgorithm } = certificate;
    this.#statements.storeCertificate.run(
      id,
      fingerprint256,
      JSON.stringify(names),
      notBefore,
      notAfter,
      keyAlgorithm,
      revision,
    );
  }

  #eraseKey(revision: Revision, certificateId: string): void {
    const certificate = this.#statements.certificate.get(certificateId);
    if (certificate?.last_api) this.#concern(revision, certificate.last_api, certificate.last_host);
    this.#statements.eraseKey.run(revision, certificateId);
  }

  /** @returns the host of the scope's API, `null` if it has none. */
  #concernScope(revision: Revision, scope: string): string | null {
    if (scope === 'all') {
      this.#statements.subject.run('all', revision);
      return null;
    }
    const host = this.#statements.api.get(scope)?.host ?? null;
    this.#concern(revision, scope, host);
    return host;
  }

  #concern(revision: Revision, apiId: string, ...hosts: (string | null | undefined)[]): void {
    this.#statements.subject.run(`api:${apiId}`, revision);
    for (const host of hosts) if (host) this.#statements.subject.run(`host:${host}`, revision);
  }
}

function prepareStatements(database: SqliteDatabase) {
  return {
    log: database.prepare('INSERT INTO log (log_id) VALUES (?)'),
    event: database.prepare(
      'INSERT INTO events (revision, time, type, actor, correlation) VALUES (?, ?, ?, ?, ?)',
    ),
    correlation: database.prepare<{ correlation: string }>(
      'SELECT correlation FROM events WHERE revision = ?',
    ),
    subject: database.prepare('INSERT OR IGNORE INTO subjects (subject, revision) VALUES (?, ?)'),
    api: database.prepare<{ host: string | null; name: string }>(
      'SELECT host, name FROM apis WHERE id = ?',
    ),
    storeApi: database.prepare('INSERT OR REPLACE INTO apis (id, host, name) VALUES (?, ?, ?)'),
    dropApi: database.prepare('DELETE FROM apis WHERE id = ?'),
    plugin: database.prepare<{ scope: string }>('SELECT scope FROM plugins WHERE id = ?'),
    storePlugin: database.prepare('INSERT OR REPLACE INTO plugins (id, scope) VALUES (?, ?)'),
    dropPlugin: database.prepare('DELETE FROM plugins WHERE id = ?'),
    apiOfHost: database.prepare(
      'INSERT OR REPLACE INTO api_of_host (host, revision, api, name, since) VALUES (?, ?, ?, ?, ?)',
    ),
    lastApiOfHost: database.prepare<{ api: string | null; since: number }>(
      'SELECT api, since FROM api_of_host WHERE host = ? ORDER BY revision DESC LIMIT 1',
    ),
    pluginOfScope: database.prepare(
      `INSERT OR REPLACE INTO plugin_of_scope (scope, revision, plugin, certificate, enabled, since)
       VALUES (?, ?, ?, ?, ?, ?)`,
    ),
    lastPluginOfScope: database.prepare<{
      plugin: string | null;
      certificate: string | null;
      enabled: number;
      since: number;
    }>(
      `SELECT plugin, certificate, enabled, since FROM plugin_of_scope
       WHERE scope = ? ORDER BY revision DESC LIMIT 1`,
    ),
    certificate: database.prepare<{
      uploaded: Revision;
      last_api: string | null;
      last_host: string | null;
    }>('SELECT uploaded, last_api, last_host FROM certificates WHERE id = ?'),
    storeCertificate: database.prepare(
      `INSERT OR IGNORE INTO certificates
         (id, fingerprint, names, not_before, not_after, key_algorithm, uploaded)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ),
    useCertificate: database.prepare(
      'UPDATE certificates SET last_api = ?, last_host = ? WHERE id = ?',
    ),
    eraseKey: database.prepare('UPDATE certificates SET erased = ? WHERE id = ?'),
  };
}
