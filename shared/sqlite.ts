import { closeSync, openSync } from 'node:fs';
import Database from 'better-sqlite3';
import { GatewayError } from './errors.js';

/**
 * The one module that knows the SQLite driver; the rest of the code sees these interfaces.
 *
 * Settings, and why: WAL (readers never wait for the writer), `synchronous=FULL` (a commit survives a
 * power cut; the driver's default in WAL loses the last ones), `secure_delete` (deleted rows are
 * overwritten), `busy_timeout` (a short wait instead of an error while another process writes).
 */
export interface SqliteDatabase {
  prepare<Row = unknown>(sql: string): SqliteStatement<Row>;
  /** A statement that answers with its first column alone: no object is made of each row. */
  prepareColumn<Value extends SqliteValue>(sql: string): SqliteStatement<Value>;
  /** Runs statements that answer nothing: schema, settings. */
  exec(sql: string): void;
  /** SQLite ends one by itself where the disk is full or fails, and then has nothing to roll back. */
  readonly isInTransaction: boolean;
  /**
   * Brings the schema up to date: runs the migrations that the file has not seen, each once, in one
   * transaction. A migration never changes once released; a new one goes to the end.
   * @throws SchemaTooNewError if a later version of Signet wrote the file.
   */
  migrate(migrations: readonly string[]): void;
  /** Runs `work` in one `BEGIN IMMEDIATE` transaction; rolled back if it throws. Not for async work. */
  write<Result>(work: () => Result): Result;
  /** Runs `work` on one consistent view of the database. */
  read<Result>(work: () => Result): Result;
  /**
   * Reads every page and compares indexes with tables: `false` for a torn file that would answer
   * wrongly, or throw, at some later time. Takes about a second for 300 MB.
   */
  isIntact(): boolean;
  /** A number that differs once another connection, in any process, has committed. */
  dataVersion(): number;
  /**
   * Moves all of the write-ahead log into the database file and truncates it: from then on deleted
   * rows are in neither. `false` if a reader or writer was in the way for longer than the busy timeout.
   */
  checkpoint(): boolean;
  close(): void;
}

export type SqliteValue = number | bigint | string | Uint8Array | null;

export interface SqliteStatement<Row> {
  run(...parameters: SqliteValue[]): { readonly changes: number };
  get(...parameters: SqliteValue[]): Row | undefined;
  all(...parameters: SqliteValue[]): Row[];
  /** No other statement may run on the connection before the iteration ends. */
  iterate(...parameters: SqliteValue[]): IterableIterator<Row>;
}

export interface SqliteOptions {
  /** The directory must exist. The file is made with mode 0600; SQLite gives its side files the same. */
  readonly path: string;
  /** Opens an existing database for reading only. Default false. */
  readonly readOnly?: boolean;
  /** Longest wait for another writer, default 5000. */
  readonly busyTimeoutMs?: number;
}

export function openSqlite(options: SqliteOptions): SqliteDatabase {
  const { path, readOnly = false, busyTimeoutMs = 5000 } = options;
  if (!readOnly) closeSync(openSync(path, 'a', 0o600));
  const database = new Database(path, {
    readonly: readOnly,
    fileMustExist: true,
    timeout: busyTimeoutMs,
  });
  try {
    if (!readOnly) {
      database.pragma('journal_mode = WAL');
      database.pragma('synchronous = FULL');
      database.pragma('secure_delete = ON');
    }
    database.pragma('foreign_keys = ON');
  } catch (error) {
    database.close();
    throw namingFile(error, path);
  }
  return new BetterSqlite(database, readOnly);
}

/**
 * Locks a file, which is made with mode 0600, against every other process and connection. The operating
 * system takes the lock back when the process ends, however it ends.
 * @returns a function that gives it back.
 * @throws an error that `isSqliteBusy` knows if somebody else still has it after `waitMs`.
 */
export function lockFile(path: string, waitMs: number): () => void {
  closeSync(openSync(path, 'a', 0o600));
  const database = new Database(path, { timeout: waitMs });
  try {
    // Nothing is ever written: no journal need lie beside it.
    database.pragma('journal_mode = OFF');
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    throw namingFile(error, path);
  }
  return () => database.close();
}

/** Whether a write failed because another connection held the lock for longer than the busy timeout. */
export function isSqliteBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY');
}

/**
 * Whether a file is no database, or one whose structure is damaged: nothing in it can be trusted. The
 * plain `SQLITE_ERROR` is among them: it is what a damaged header ("unsupported file format") and a
 * damaged schema ("no such table") come to.
 */
export function isSqliteDamage(error: unknown): boolean {
  return (
    error instanceof Database.SqliteError &&
    /^SQLITE_(CORRUPT|NOTADB|FORMAT|IOERR_SHORT_READ|ERROR$)/.test(error.code)
  );
}

/** The driver says neither which file an error is about nor what to look at. */
function namingFile(error: unknown, path: string): unknown {
  if (!(error instanceof Database.SqliteError) || error.message.startsWith(path)) return error;
  const hint = error.code.startsWith('SQLITE_IOERR') ? ': is the disk full, or broken?' : '';
  error.message = `${path}: ${error.message}${hint}`;
  return error;
}

/** The file was written by a later version of Signet. */
export class SchemaTooNewError extends GatewayError {
  readonly code = 'SIGNET_SCHEMA_TOO_NEW';

  constructor(path: string) {
    super(
      `${path} was written by a newer version of Signet: start that version, or restore a backup`,
    );
  }
}

class BetterSqlite implements SqliteDatabase {
  readonly #database: Database.Database;
  readonly #readOnly: boolean;

  constructor(database: Database.Database, readOnly: boolean) {
    this.#database = database;
    this.#readOnly = readOnly;
  }

  prepare<Row>(sql: string): SqliteStatement<Row> {
    return this.#database.prepare<SqliteValue[], Row>(sql);
  }

  prepareColumn<Value extends SqliteValue>(sql: string): SqliteStatement<Value> {
    return this.#database.prepare<SqliteValue[], Value>(sql).pluck();
  }

  exec(sql: string): void {
    this.#database.exec(sql);
  }

  get isInTransaction(): boolean {
    return this.#database.inTransaction;
  }

  migrate(migrations: readonly string[]): void {
    this.write(() => {
      const seen = this.#number('user_version');
      if (seen > migrations.length) throw new SchemaTooNewError(this.#database.name);
      for (const migration of migrations.slice(seen)) this.#database.exec(migration);
      this.#database.pragma(`user_version = ${migrations.length}`);
    });
  }

  write<Result>(work: () => Result): Result {
    try {
      return this.#database.transaction(work).immediate();
    } catch (error) {
      throw namingFile(error, this.#database.name);
    }
  }

  read<Result>(work: () => Result): Result {
    return this.#database.transaction(work).deferred();
  }

  isIntact(): boolean {
    return this.#database.pragma('integrity_check(1)', { simple: true }) === 'ok';
  }

  dataVersion(): number {
    return this.#number('data_version');
  }

  checkpoint(): boolean {
    try {
      // The pragma's first column, "busy", is 0 once everything was moved.
      return this.#database.pragma('wal_checkpoint(TRUNCATE)', { simple: true }) === 0;
    } catch (error) {
      throw namingFile(error, this.#database.name);
    }
  }

  close(): void {
    if (!this.#database.open) return;
    try {
      if (!this.#readOnly) this.checkpoint();
    } finally {
      this.#database.close();
    }
  }

  #number(pragma: 'user_version' | 'data_version'): number {
    const value = this.#database.pragma(pragma, { simple: true });
    if (typeof value !== 'number') throw new TypeError(`${pragma} is not a number`);
    return value;
  }
}
