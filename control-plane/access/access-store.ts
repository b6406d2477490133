import { randomBytes } from 'node:crypto';
import { openSqlite, type SqliteDatabase, type SqliteStatement } from '../../shared/sqlite.js';
import type { Clock } from '../ports/clock.js';
import { CredentialError } from './access-errors.js';
import type { Credential, CredentialRequest } from './credential.js';
import type { Scope } from './scope.js';
import { isTokenOf, mintToken, type PresentedToken } from './token.js';

export interface AccessStoreOptions {
  /** The database file; its directory must exist. */
  readonly path: string;
  readonly clock: Clock;
}

/** What came of presenting a credential. */
export type Verdict =
  | { readonly status: 'valid'; readonly credential: Credential }
  /** It was ours, and the caller had the secret. */
  | { readonly status: 'expired' | 'revoked'; readonly credential: Credential }
  | { readonly status: 'unknown' };

export interface IssuedCredential {
  readonly credential: Credential;
  /** Only for tokens; cannot be had again. */
  readonly token?: string;
}

type ChangeListener = () => void;

/**
 * The credentials of the admin API, in a file of their own: a copy of the log or the vault lets nobody
 * in, and a copy of this file neither, since it holds hashes. Every look-up reads the file, so that a
 * revocation, also by another process, holds for the next request. Rows are never deleted: the actor
 * of an old event stays known, and a store that had a credential once never opens up again.
 */
export class AccessStore {
  readonly #database: SqliteDatabase;
  readonly #clock: Clock;
  readonly #statements: Statements;
  readonly #listeners = new Set<ChangeListener>();

  constructor(options: AccessStoreOptions) {
    this.#clock = options.clock;
    this.#database = openSqlite({ path: options.path });
    try {
      this.#database.migrate(migrations);
      this.#statements = prepareStatements(this.#database);
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  /** Whether a credential was ever made: from then on nobody gets in without one. */
  hasCredentials(): boolean {
    return this.#statements.any.get() !== undefined;
  }

  /** @throws CredentialError if the name or the client certificate is taken. */
  issue(request: CredentialRequest, createdBy: string): IssuedCredential {
    const fingerprint = request.certificateFingerprint256;
    const minted = fingerprint === undefined ? mintToken() : undefined;
    const id = minted?.id ?? randomBytes(8).toString('hex');
    this.#database.write(() => {
      if (this.#statements.byName.get(request.name) !== undefined) {
        throw new CredentialError('name', `'${request.name}' is or was in use, choose another`);
      }
      if (fingerprint !== undefined && this.#statements.byFingerprint.get(fingerprint)) {
        throw new CredentialError('certificate_fingerprint', 'is already known');
      }
      this.#statements.insert.run(
        id,
        request.name,
        minted?.digest.salt ?? null,
        minted?.digest.hash ?? null,
        fingerprint ?? null,
        JSON.stringify(request.scopes),
        this.#clock(),
        createdBy,
        request.expiresAt ?? null,
      );
    });
    const row = this.#statements.byId.get(id);
    if (row === undefined) throw new Error('a credential just written is gone');
    this.#tellChange();
    const credential = toCredential(row);
    return minted === undefined ? { credential } : { credential, token: minted.text };
  }

  verifyToken({ id, secret }: PresentedToken): Verdict {
    const row = this.#statements.byId.get(id);
    const digest = row?.salt && row.hash ? { salt: row.salt, hash: row.hash } : undefined;
    return isTokenOf(digest, secret) ? this.#judge(row) : { status: 'unknown' };
  }

  /** The caller proved in the TLS handshake that it has the certificate's key. */
  verifyCertificate(fingerprint256: string): Verdict {
    return this.#judge(this.#statements.byFingerprint.get(fingerprint256));
  }

  /** Whether the credential with this id still lets its holder in. */
  isValid(id: string): boolean {
    return this.#judge(this.#statements.byId.get(id)).status === 'valid';
  }

  /** All, also expired and revoked ones, oldest first. */
  list(): Credential[] {
    return this.#statements.all.all().map(toCredential);
  }

  /** Refused from now on, and its open requests are told; `undefined` if there is none of that id. */
  revoke(id: string, revokedBy: string): Credential | undefined {
    this.#statements.revoke.run(this.#clock(), revokedBy, id);
    const row = this.#statements.byId.get(id);
    if (row === undefined) return undefined;
    this.#tellChange();
    return toCredential(row);
  }

  /** Called after this process has issued or revoked a credential. Returns what ends it. */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#database.close();
  }

  #tellChange(): void {
    for (const listener of this.#listeners) listener();
  }

  #judge(row: Row | undefined): Verdict {
    if (row === undefined) return { status: 'unknown' };
    const credential = toCredential(row);
    if (credential.revokedAt !== undefined) return { status: 'revoked', credential };
    if (credential.expiresAt !== undefined && credential.expiresAt <= this.#clock()) {
      return { status: 'expired', credential };
    }
    return { status: 'valid', credential };
  }
}

interface Row {
  readonly id: string;
  readonly name: string;
  readonly salt: Uint8Array | null;
  readonly hash: Uint8Array | null;
  readonly fingerprint: string | null;
  readonly scopes: string;
  readonly created_at: number;
  readonly created_by: string;
  readonly expires_at: number | null;
  readonly revoked_at: number | null;
  readonly revoked_by: string | null;
}

function toCredential(row: Row): Credential {
  return {
    id: row.id,
    name: row.name,
    kind: row.fingerprint === null ? 'token' : 'certificate',
    // Only `issue` writes the column, from parsed scopes.
    scopes: JSON.parse(row.scopes) as Scope[],
    createdAt: row.created_at,
    createdBy: row.created_by,
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at }),
    ...(row.revoked_at === null ? {} : { revokedAt: row.revoked_at }),
    ...(row.revoked_by === null ? {} : { revokedBy: row.revoked_by }),
  };
}

const migrations = [
  `CREATE TABLE credentials (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    salt BLOB,
    hash BLOB,
    fingerprint TEXT UNIQUE,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    revoked_by TEXT,
    CHECK ((hash IS NULL) <> (fingerprint IS NULL)),
    CHECK ((hash IS NULL) = (salt IS NULL))
  ) STRICT, WITHOUT ROWID`,
];

interface Statements {
  readonly any: SqliteStatement<unknown>;
  readonly insert: SqliteStatement<unknown>;
  readonly byId: SqliteStatement<Row>;
  readonly byName: SqliteStatement<Row>;
  readonly byFingerprint: SqliteStatement<Row>;
  readonly all: SqliteStatement<Row>;
  readonly revoke: SqliteStatement<unknown>;
}

function prepareStatements(database: SqliteDatabase): Statements {
  return {
    any: database.prepare('SELECT 1 FROM credentials LIMIT 1'),
    insert: database.prepare(
      `INSERT INTO credentials
        (id, name, salt, hash, fingerprint, scopes, created_at, created_by, expires_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    byId: database.prepare('SELECT * FROM credentials WHERE id = ?'),
    byName: database.prepare('SELECT * FROM credentials WHERE name = ?'),
    byFingerprint: database.prepare('SELECT * FROM credentials WHERE fingerprint = ?'),
    all: database.prepare('SELECT * FROM credentials ORDER BY created_at, id'),
    revoke: database.prepare(
      'UPDATE credentials SET revoked_at = ?, revoked_by = ? WHERE id = ? AND revoked_at IS NULL',
    ),
  };
}
