import type { EventId } from '../../shared/events.js';
import { type ExpectedRevision, nextRevision, type Revision } from '../../shared/revision.js';
import { isSqliteBusy, openSqlite, type SqliteDatabase } from '../../shared/sqlite.js';
import { Wakeup } from '../../shared/wakeup.js';
import type {
  Appended,
  EventConsumer,
  EventLog,
  EventToAppend,
  StoredEvent,
} from '../ports/event-log.js';
import {
  CheckpointBeyondHeadError,
  EventIdReusedError,
  LogClosedError,
  LogTrimmedError,
  LogUnavailableError,
  RevisionConflictError,
} from '../ports/event-log-errors.js';
import { checkAppend } from './append-limits.js';

export interface SqliteEventLogOptions {
  /** The database file; its directory must exist. */
  readonly path: string;
  /**
   * How often a waiting subscription looks for commits of other processes, default 250. Commits of
   * this instance wake it at once.
   */
  readonly foreignWritesPollMs?: number;
}

/** The embedded event log: one SQLite file, one instance per process. */
export class SqliteEventLog implements EventLog {
  readonly #database: SqliteDatabase;
  readonly #statements: Statements;
  readonly #pollMs: number;
  readonly #committed = new Wakeup();
  readonly #closing = new AbortController();

  constructor(options: SqliteEventLogOptions) {
    this.#database = openSqlite({ path: options.path });
    try {
      this.#database.migrate(migrations);
      this.#statements = prepareStatements(this.#database);
    } catch (error) {
      this.#database.close();
      throw error;
    }
    this.#pollMs = options.foreignWritesPollMs ?? 250;
  }

  async append(
    expected: ExpectedRevision,
    events: readonly [EventToAppend, ...EventToAppend[]],
  ): Promise<Appended> {
    this.#checkOpen();
    checkAppend(events);
    try {
      const appended = this.#database.write(() => this.#appendInTransaction(expected, events));
      this.#committed.notify();
      return appended;
    } catch (error) {
      if (!isSqliteBusy(error)) throw error;
      throw new LogUnavailableError('another process is writing to the event log; try again', {
        cause: error,
      });
    }
  }

  async *read(from: Revision): AsyncIterable<readonly StoredEvent[]> {
    for (let next = from; ; ) {
      this.#checkOpen();
      const page = this.#page(next);
      const last = page.at(-1);
      if (last === undefined) return;
      yield page;
      next = nextRevision(last.revision);
    }
  }

  async head(): Promise<ExpectedRevision> {
    this.#checkOpen();
    return this.#head();
  }

  async subscribe(
    after: ExpectedRevision,
    consumer: EventConsumer,
    signal: AbortSignal,
  ): Promise<void> {
    this.#checkOpen();
    const head = this.#head();
    if (isBeyond(after, head)) throw new CheckpointBeyondHeadError(after, head);
    let delivered = after;
    let announced = false;
    while (!signal.aborted) {
      this.#checkOpen();
      // Taken before the look at the table: a commit in between is not missed.
      const wakeup = this.#committed.next();
      const version = this.#database.dataVersion();
      const page = this.#page(nextRevision(delivered));
      const last = page.at(-1);
      if (last !== undefined) {
        await consumer.events(page);
        delivered = last.revision;
        announced = false;
        continue;
      }
      if (!announced) {
        await consumer.caughtUp(delivered);
        announced = true;
        continue;
      }
      await this.#waitForCommit(wakeup, version, signal);
    }
  }

  async trim(before: Revision): Promise<void> {
    this.#checkOpen();
    this.#database.write(() => {
      this.#statements.trim.run(before);
      this.#statements.keepFrom.run(before);
    });
    this.#database.checkpoint();
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#committed.notify();
    this.#database.close();
  }

  #appendInTransaction(
    expected: ExpectedRevision,
    events: readonly [EventToAppend, ...EventToAppend[]],
  ): Appended {
    const head = this.#head();
    const first = nextRevision(expected);
    const last = (first + events.length - 1) as Revision;
    if (head !== expected) {
      if (this.#standsAt(first, events)) return { first, last };
      throw new RevisionConflictError(expected, head);
    }
    let at = first;
    for (const { id, type, data, metadata } of events) {
      const { changes } = this.#statements.insert.run(at, idToBytes(id), type, data, metadata);
      if (changes === 0) throw new EventIdReusedError(id);
      at = nextRevision(at);
    }
    return { first, last };
  }

  /** Whether these very events were appended at `first` before, trimmed or not. */
  #standsAt(first: Revision, events: readonly EventToAppend[]): boolean {
    return events.every(({ id }, index) => {
      const row = this.#statements.revisionOfId.get(idToBytes(id));
      return row?.revision === first + index;
    });
  }

  #head(): ExpectedRevision {
    return this.#statements.head.get()?.head ?? 'empty';
  }

  #page(from: Revision): StoredEvent[] {
    // One view, so that another process cannot trim between the two questions.
    return this.#database.read(() => this.#pageInTransaction(from));
  }

  #pageInTransaction(from: Revision): StoredEvent[] {
    const firstKept = this.#statements.firstKept.get()?.first;
    if (firstKept !== undefined && from < firstKept) throw new LogTrimmedError(firstKept);
    const page: StoredEvent[] = [];
    let bytes = 0;
    for (const row of this.#statements.page.iterate(from, maxPageEvents)) {
      const { revision, hexId, type, data, metadata } = row;
      page.push({ revision, id: idFromHex(hexId), type, data, metadata });
      bytes += data.byteLength + metadata.byteLength;
      if (bytes >= maxPageBytes) break;
    }
    return page;
  }

  /** Returns once this instance commits, another connection has, the signal aborts or the log closes. */
  async #waitForCommit(wakeup: Promise<void>, version: number, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const poll = setInterval(() => {
        if (this.#closing.signal.aborted || this.#database.dataVersion() !== version) done();
      }, this.#pollMs);
      const done = () => {
        clearInterval(poll);
        signal.removeEventListener('abort', done);
        resolve();
      };
      signal.addEventListener('abort', done, { once: true });
      void wakeup.then(done);
    });
  }

  #checkOpen(): void {
    if (this.#closing.signal.aborted) throw new LogClosedError();
  }
}

/** A trimmed event keeps its revision and id: the head stays, and a late retry is still recognised. */
const migrations = [
  `CREATE TABLE events (
     revision INTEGER PRIMARY KEY,
     id BLOB NOT NULL UNIQUE,
     type TEXT,
     data BLOB,
     metadata BLOB
   ) STRICT;
   CREATE TABLE trimmed (
     only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
     kept_from INTEGER NOT NULL
   ) STRICT;`,
];

const maxPageEvents = 512;
const maxPageBytes = 1024 * 1024;

type Statements = ReturnType<typeof prepareStatements>;

interface EventRow {
  readonly revision: Revision;
  /** 32 lower-case digits. */
  readonly hexId: string;
  readonly type: string;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
}

function prepareStatements(database: SqliteDatabase) {
  return {
    head: database.prepare<{ head: Revision | null }>('SELECT max(revision) AS head FROM events'),
    firstKept: database.prepare<{ first: Revision }>('SELECT kept_from AS first FROM trimmed'),
    insert: database.prepare(
      'INSERT INTO events (revision, id, type, data, metadata) VALUES (?, ?, ?, ?, ?) ' +
        'ON CONFLICT (id) DO NOTHING',
    ),
    revisionOfId: database.prepare<{ revision: Revision }>(
      'SELECT revision FROM events WHERE id = ?',
    ),
    page: database.prepare<EventRow>(
      // The id as text: a third buffer for each row would cost more than the digits.
      'SELECT revision, lower(hex(id)) AS hexId, type, data, metadata FROM events ' +
        'WHERE revision >= ? ORDER BY revision LIMIT ?',
    ),
    trim: database.prepare(
      'UPDATE events SET type = NULL, data = NULL, metadata = NULL ' +
        'WHERE revision < ? AND data IS NOT NULL',
    ),
    keepFrom: database.prepare(
      'INSERT INTO trimmed (only_row, kept_from) VALUES (1, ?) ' +
        'ON CONFLICT DO UPDATE SET kept_from = max(kept_from, excluded.kept_from)',
    ),
  };
}

function isBeyond(after: ExpectedRevision, head: ExpectedRevision): boolean {
  return after !== 'empty' && (head === 'empty' || after > head);
}

function idToBytes(id: EventId): Uint8Array {
  return Buffer.from(id.replaceAll('-', ''), 'hex');
}

function idFromHex(hex: string): EventId {
  // Only what `idToBytes` wrote is ever read back.
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}` as EventId;
}
