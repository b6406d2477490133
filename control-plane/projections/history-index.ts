import type { RecordedEvent } from '../../shared/events.js';
import type { ApiId, CertificateId } from '../../shared/gateway-model.js';
import { type ExpectedRevision, nextRevision, type Revision } from '../../shared/revision.js';
import { openSqlite, type SqliteDatabase } from '../../shared/sqlite.js';
import { HistoryWriter } from './history-writer.js';

export interface EventQuery {
  readonly after?: ExpectedRevision;
  readonly before?: Revision;
  readonly type?: string;
  readonly actor?: string;
  readonly apiId?: ApiId;
  /** A `request_host` in lower case. */
  readonly host?: string;
  readonly limit: number;
  readonly newestFirst?: boolean;
}

/** Where and by whom an event was made. */
export interface EventNote {
  readonly revision: Revision;
  /** Milliseconds since the epoch, by the writer's clock. */
  readonly time: number;
  readonly type: string;
  readonly actor: string;
  readonly correlationId: string;
}

export interface CertificateNote {
  readonly id: CertificateId;
  readonly fingerprint256: string;
  readonly names: readonly string[];
  readonly notBefore: number;
  readonly notAfter: number;
  readonly keyAlgorithm: string;
  readonly uploadedAt: Revision;
  readonly erasedAt: Revision | undefined;
}

/** What a `request_host` was bound to at some revision. */
export interface BindingNote {
  readonly requestHost: string;
  readonly apiId: ApiId;
  readonly apiName: string;
  /** Absent where the default certificate was shown. */
  readonly pluginId?: string;
  readonly certificateId?: CertificateId;
  /** Revision from which on it was so. */
  readonly since: Revision;
}

/**
 * The log turned sideways: which events concern an API or a host, and which certificate a host was bound
 * to at any revision, each in a few look-ups however long the log is. Derived from the log alone, so
 * the file may be deleted at any time and is made again.
 */
export class HistoryIndex {
  readonly #database: SqliteDatabase;
  readonly #writer: HistoryWriter;
  readonly #statements: Statements;

  /** @param path of the database file; its directory must exist. */
  constructor(path: string) {
    this.#database = openSqlite({ path });
    try {
      // Losing the last transactions in a power cut only means reading them from the log again.
      this.#database.exec('PRAGMA synchronous = NORMAL; PRAGMA secure_delete = OFF');
      this.#database.migrate(migrations);
      this.#writer = new HistoryWriter(this.#database);
      this.#statements = prepareStatements(this.#database);
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  /** The last revision it knows. */
  get head(): ExpectedRevision {
    return this.#statements.head.get()?.head ?? 'empty';
  }

  /** The log it was made from. */
  get logId(): string | undefined {
    return this.#statements.logId.get()?.log_id;
  }

  /** Adds the events that follow `head`; those it has seen are skipped. All or none. */
  record(events: readonly RecordedEvent[]): void {
    this.#database.write(() => {
      let expected = nextRevision(this.head);
      for (const event of events) {
        if (event.revision < expected) continue;
        if (event.revision > expected) throw new RangeError(`history lacks revision ${expected}`);
        this.#writer.add(event);
        expected = nextRevision(event.revision);
      }
    });
  }

  /** Forgets everything. */
  clear(): void {
    this.#database.write(() => {
      for (const table of tables) this.#database.exec(`DELETE FROM ${table}`);
    });
  }

  /** The last revision recorded at or before a time; `undefined` if there is none. */
  revisionAt(time: number): Revision | undefined {
    return this.#statements.revisionAt.get(time)?.revision;
  }

  note(revision: Revision): EventNote | undefined {
    return this.#statements.note.get(revision);
  }

  /** Revisions of the events that match, in order. */
  find(query: EventQuery): readonly Revision[] {
    const { after = 'empty', before, type, actor, apiId, host, limit, newestFirst } = query;
    const conditions = ['e.revision > ?'];
    const values: (string | number)[] = [after === 'empty' ? -1 : after];
    const where = (condition: string, ...given: (string | number | undefined)[]) => {
      const [value] = given;
      if (value === undefined) return;
      conditions.push(condition);
      values.push(value);
    };
    where('e.revision < ?', before);
    where('e.type = ?', type);
    where('e.actor = ?', actor);
    // A plugin for all APIs concerns each of them.
    const concerns = "e.revision IN (SELECT revision FROM subjects WHERE subject IN (?, 'all'))";
    where(concerns, apiId && `api:${apiId}`);
    where(concerns, host && `host:${host}`);
    const order = newestFirst ? 'DESC' : 'ASC';
    const sql = `SELECT e.revision FROM events e WHERE ${conditions.join(' AND ')}
                 ORDER BY e.revision ${order} LIMIT ?`;
    const rows = this.#database.prepare<{ revision: Revision }>(sql).all(...values, limit);
    return rows.map(({ revision }) => revision);
  }

  /** The binding of exactly this `request_host`, in lower case, as of `revision`. */
  binding(requestHost: string, revision: Revision): BindingNote | undefined {
    const route = this.#statements.apiOfHost.get(requestHost, revision);
    if (route?.api === undefined || route.api === null) return undefined;
    const { api: apiId, name: apiName } = route;
    const own = this.#statements.pluginOfScope.get(apiId, revision);
    const shared = this.#statements.pluginOfScope.get('all', revision);
    const effective = own?.enabled === 1 ? own : shared?.enabled === 1 ? shared : undefined;
    const since = Math.max(
      route.since,
      own?.since ?? 0,
      own?.enabled === 1 ? 0 : (shared?.since ?? 0),
    );
    return {
      requestHost,
      apiId,
      apiName,
      ...(effective?.plugin && { pluginId: effective.plugin }),
      ...(effective?.certificate && { certificateId: effective.certificate }),
      // The largest of revisions is a revision.
      since: since as Revision,
    };
  }

  certificate(id: CertificateId): CertificateNote | undefined {
    const row = this.#statements.certificate.get(id);
    if (row === undefined) return undefined;
    const { erasedAt, names, ...rest } = row;
    // Written by the writer as a list of names.
    return { ...rest, names: JSON.parse(names) as string[], erasedAt: erasedAt ?? undefined };
  }

  close(): void {
    this.#database.close();
  }
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(database: SqliteDatabase) {
  return {
    head: database.prepare<{ head: Revision }>(
      'SELECT revision AS head FROM events ORDER BY revision DESC LIMIT 1',
    ),
    logId: database.prepare<{ log_id: string }>('SELECT log_id FROM log'),
    revisionAt: database.prepare<{ revision: Revision }>(
      'SELECT revision FROM events WHERE time <= ? ORDER BY time DESC, revision DESC LIMIT 1',
    ),
    note: database.prepare<EventNote>(
      `SELECT revision, time, type, actor, correlation AS correlationId
       FROM events WHERE revision = ?`,
    ),
    apiOfHost: database.prepare<{ api: ApiId | null; name: string; since: number }>(
      `SELECT api, name, since FROM api_of_host
       WHERE host = ? AND revision <= ? ORDER BY revision DESC LIMIT 1`,
    ),
    pluginOfScope: database.prepare<{
      plugin: string | null;
      certificate: CertificateId | null;
      enabled: 0 | 1;
      since: number;
    }>(
      `SELECT plugin, certificate, enabled, since FROM plugin_of_scope
       WHERE scope = ? AND revision <= ? ORDER BY revision DESC LIMIT 1`,
    ),
    certificate: database.prepare<{
      id: CertificateId;
      fingerprint256: string;
      names: string;
      notBefore: number;
      notAfter: number;
      keyAlgorithm: string;
      uploadedAt: Revision;
      erasedAt: Revision | null;
    }>(
      `SELECT id, fingerprint AS fingerprint256, names, not_before AS notBefore,
              not_after AS notAfter, key_algorithm AS keyAlgorithm,
              uploaded AS uploadedAt, erased AS erasedAt
       FROM certificates WHERE id = ?`,
    ),
  };
}

const tables = [
  ...['log', 'events', 'subjects', 'apis', 'plugins'],
  ...['api_of_host', 'plugin_of_scope', 'certificates'],
];

const migrations = [
  `CREATE TABLE log (log_id TEXT NOT NULL) STRICT;
   CREATE TABLE events (
     revision INTEGER PRIMARY KEY,
     time INTEGER NOT NULL,
     type TEXT NOT NULL,
     actor TEXT NOT NULL,
     correlation TEXT NOT NULL
   ) STRICT;
   CREATE INDEX events_by_time ON events (time);
   CREATE INDEX events_by_type ON events (type);
   CREATE INDEX events_by_actor ON events (actor);
   -- api:ID, host:HOST or all
   CREATE TABLE subjects (
     subject TEXT NOT NULL,
     revision INTEGER NOT NULL,
     PRIMARY KEY (subject, revision)
   ) STRICT, WITHOUT ROWID;
   -- What is there at the head, for events that name an id alone.
   CREATE TABLE apis (id TEXT PRIMARY KEY, host TEXT, name TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE plugins (id TEXT PRIMARY KEY, scope TEXT NOT NULL) STRICT, WITHOUT ROWID;
   -- One row per change; the API is null from where on the host belongs to none.
   CREATE TABLE api_of_host (
     host TEXT NOT NULL,
     revision INTEGER NOT NULL,
     api TEXT,
     name TEXT NOT NULL,
     since INTEGER NOT NULL,
     PRIMARY KEY (host, revision)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE plugin_of_scope (
     scope TEXT NOT NULL,
     revision INTEGER NOT NULL,
     plugin TEXT,
     certificate TEXT,
     enabled INTEGER NOT NULL,
     since INTEGER NOT NULL,
     PRIMARY KEY (scope, revision)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE certificates (
     id TEXT PRIMARY KEY,
     fingerprint TEXT NOT NULL,
     names TEXT NOT NULL,
     not_before INTEGER NOT NULL,
     not_after INTEGER NOT NULL,
     key_algorithm TEXT NOT NULL,
     uploaded INTEGER NOT NULL,
     erased INTEGER,
     -- The last API and host that used it, to which its erasure belongs.
     last_api TEXT,
     last_host TEXT
   ) STRICT, WITHOUT ROWID;`,
];
