import type { CertificateId } from '../../shared/gateway-model.js';
import type { SqliteDatabase, SqliteStatement } from '../../shared/sqlite.js';
import { bindingByHash, derivedCertificate } from './schema.js';

/** What a `request_host` binds: no certificate where no ssl plugin is enabled. */
export interface HostBinding {
  readonly certificateId: CertificateId | undefined;
}

/**
 * The certificate that each `request_host` is bound to: a table by a number made of the name. With short
 * keys the tree is flat and its inner pages fit the page cache, so that a look-up among a million hosts reads
 * one page.
 */
export class HostBindings {
  readonly #byHash: SqliteStatement<CertificateId | '' | null>;
  readonly #derived: SqliteStatement<{ id: CertificateId | null }>;

  constructor(database: SqliteDatabase) {
    this.#byHash = database.prepareColumn(bindingByHash);
    this.#derived = database.prepare(derivedCertificate('?'));
  }

  /** `undefined` if no API has this very `request_host`, in lower case. */
  find(host: string): HostBinding | undefined {
    const id = this.#byHash.get(host, hostHash(host));
    if (id === undefined) return undefined;
    // The row is another host's, or that of several.
    if (id === null) return this.derive(host);
    return { certificateId: id === '' ? undefined : id };
  }

  /** The same out of the APIs and plugins. */
  derive(host: string): HostBinding | undefined {
    const row = this.#derived.get(host);
    return row && { certificateId: row.id ?? undefined };
  }
}

/** 31 bits, which the driver and SQLite handle as a small integer. FNV-1a with a final mix. */
export function hostHash(host: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < host.length; index += 1) {
    hash = Math.imul(hash ^ host.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 1;
}
