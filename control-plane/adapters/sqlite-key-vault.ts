import type { KeyId } from '../../shared/gateway-model.js';
import { isSqliteBusy, openSqlite, type SqliteDatabase } from '../../shared/sqlite.js';
import type { MasterKeyring, RotatingKeyVault } from '../ports/key-vault.js';
import {
  KeyErasedError,
  KeyExistsError,
  VaultClosedError,
  VaultUnavailableError,
} from '../ports/key-vault-errors.js';
import { openKey, rewrapKey, type SealedKey, sealKey } from './key-sealer.js';

export interface SqliteKeyVaultOptions {
  /** The database file; its directory must exist. */
  readonly path: string;
  readonly masterKeys: MasterKeyring;
}

interface Put {
  readonly keyId: KeyId;
  readonly keyPem: string;
  readonly stored: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * The embedded vault: one SQLite file apart from the log, so that a copy of the log holds no key.
 * An erased key is overwritten in the file and gone from the write-ahead log when `erase` resolves.
 */
export class SqliteKeyVault implements RotatingKeyVault {
  readonly #database: SqliteDatabase;
  readonly #statements: Statements;
  #masterKeys: MasterKeyring;
  readonly #puts: Put[] = [];
  #closed = false;

  constructor(options: SqliteKeyVaultOptions) {
    this.#masterKeys = options.masterKeys;
    this.#database = openSqlite({ path: options.path });
    try {
      this.#database.migrate(migrations);
      this.#statements = prepareStatements(this.#database);
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  /** Puts of one turn of the event loop share one transaction, and so one disk sync. */
  async put(keyId: KeyId, keyPem: string): Promise<void> {
    this.#checkOpen();
    return new Promise((stored, failed) => {
      if (this.#puts.length === 0) setImmediate(() => this.#storePuts());
      this.#puts.push({ keyId, keyPem, stored, failed });
    });
  }

  async open(keyId: KeyId): Promise<string> {
    this.#checkOpen();
    const row = this.#statements.get.get(keyId);
    if (row === undefined) throw new KeyErasedError(keyId);
    return openKey(this.#masterKeys, keyId, row);
  }

  async erase(keyId: KeyId): Promise<void> {
    this.#checkOpen();
    this.#write(() => this.#statements.erase.run(keyId));
    this.#forgetOldBytes();
  }

  async *list(): AsyncIterable<KeyId> {
    let after = '';
    for (;;) {
      this.#checkOpen();
      const page = this.#statements.page.all(after, pageSize);
      for (const { keyId } of page) {
        yield keyId;
        after = keyId;
      }
      if (page.length < pageSize) return;
    }
  }

  /** Page by page, each in one transaction. */
  async rewrap(masterKeys: MasterKeyring): Promise<void> {
    this.#checkOpen();
    this.#masterKeys = masterKeys;
    for (let after: string | undefined = ''; after !== undefined; ) {
      this.#checkOpen();
      const from: string = after;
      after = this.#write(() => this.#rewrapPage(from));
      // Lets puts and opens in between pages.
      await new Promise(setImmediate);
    }
    this.#forgetOldBytes();
  }

  async close(): Promise<void> {
    if (!this.#closed) this.#storePuts();
    this.#closed = true;
    this.#database.close();
  }

  #storePuts(): void {
    const puts = this.#puts.splice(0);
    if (puts.length === 0) return;
    try {
      // Sealed only now: a rotation that began meanwhile must not miss them.
      const inserted = this.#write(() => puts.map((put) => this.#insert(put)));
      for (const [index, { keyId, stored, failed }] of puts.entries()) {
        if (inserted[index] === true) stored();
        else failed(new KeyExistsError(keyId));
      }
    } catch (error) {
      for (const { failed } of puts) failed(error);
    }
  }

  /** @returns whether it was new. */
  #insert({ keyId, keyPem }: Put): boolean {
    const { sealedPem, wrappedKey, masterKeyId } = sealKey(this.#masterKeys, keyId, keyPem);
    return this.#statements.insert.run(keyId, sealedPem, wrappedKey, masterKeyId).changes > 0;
  }

  /** @returns the last key id of the page, `undefined` if there was none left. */
  #rewrapPage(after: string): string | undefined {
    const { current } = this.#masterKeys;
    const page = this.#statements.wrappedByOthers.all(after, current.id, pageSize);
    for (const { keyId, ...sealed } of page) {
      const { wrappedKey } = rewrapKey(this.#masterKeys, keyId, sealed);
      this.#statements.rewrap.run(wrappedKey, current.id, keyId);
    }
    return page.at(-1)?.keyId;
  }

  #forgetOldBytes(): void {
    if (this.#database.checkpoint()) return;
    throw new VaultUnavailableError(
      'another process holds the key vault open: what was erased may still be in its write-ahead log; try again',
    );
  }

  #write<Result>(work: () => Result): Result {
    try {
      return this.#database.write(work);
    } catch (error) {
      if (!isSqliteBusy(error)) throw error;
      throw new VaultUnavailableError('another process is writing to the key vault; try again', {
        cause: error,
      });
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new VaultClosedError();
  }
}

const pageSize = 256;

const migrations = [
  `CREATE TABLE keys (
     key_id TEXT PRIMARY KEY,
     sealed_pem BLOB NOT NULL,
     wrapped_key BLOB NOT NULL,
     master_key_id TEXT NOT NULL
   ) STRICT;`,
];

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(database: SqliteDatabase) {
  const sealed =
    'sealed_pem AS sealedPem, wrapped_key AS wrappedKey, master_key_id AS masterKeyId FROM keys';
  return {
    insert: database.prepare(
      'INSERT INTO keys (key_id, sealed_pem, wrapped_key, master_key_id) VALUES (?, ?, ?, ?) ' +
        'ON CONFLICT DO NOTHING',
    ),
    get: database.prepare<SealedKey>(`SELECT ${sealed} WHERE key_id = ?`),
    erase: database.prepare('DELETE FROM keys WHERE key_id = ?'),
    page: database.prepare<{ keyId: KeyId }>(
      'SELECT key_id AS keyId FROM keys WHERE key_id > ? ORDER BY key_id LIMIT ?',
    ),
    wrappedByOthers: database.prepare<SealedKey & { keyId: KeyId }>(
      `SELECT key_id AS keyId, ${sealed} WHERE key_id > ? AND master_key_id <> ? ORDER BY key_id LIMIT ?`,
    ),
    rewrap: database.prepare('UPDATE keys SET wrapped_key = ?, master_key_id = ? WHERE key_id = ?'),
  };
}
