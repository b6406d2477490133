import type { CertificateId } from '../../shared/gateway-model.js';
import type { SqliteDatabase, SqliteStatement } from '../../shared/sqlite.js';

/**
 * The certificate that each rebound host served before, for as long as nobody has proved the new one.
 * Of several rebindings in a row the first counts: what came between was never proved.
 */
export class LastGood {
  readonly #of: SqliteStatement<{ certificate_id: CertificateId }>;
  readonly #keep: SqliteStatement<never>;
  readonly #drop: SqliteStatement<never>;
  readonly #hosts: SqliteStatement<{ host: string }>;
  readonly #dropRetired: SqliteStatement<never>;

  constructor(database: SqliteDatabase) {
    this.#of = database.prepare('SELECT certificate_id FROM last_good WHERE host = ?');
    this.#keep = database.prepare('INSERT OR IGNORE INTO last_good VALUES (?, ?)');
    this.#drop = database.prepare('DELETE FROM last_good WHERE host = ?');
    this.#hosts = database.prepare('SELECT host FROM last_good');
    this.#dropRetired = database.prepare(`
      DELETE FROM certificate
      WHERE retired = 1 AND id NOT IN (SELECT certificate_id FROM last_good)`);
  }

  /** A host without a certificate now was unbound on purpose: it goes back to the default one. */
  rebound(host: string, before: CertificateId, now: CertificateId | undefined): void {
    if (now !== undefined && before !== now) this.#keep.run(host, before);
    if (now === undefined || this.#of.get(host)?.certificate_id === now) this.#drop.run(host);
  }

  hosts(): string[] {
    return this.#hosts.all().map(({ host }) => host);
  }

  /** Forgets the last good certificates of all hosts but these. */
  keepOnly(hosts: readonly string[]): void {
    const kept = new Set(hosts);
    for (const host of this.hosts()) if (!kept.has(host)) this.#drop.run(host);
  }

  /** Deletes retired certificates that are nobody's last good. @returns how many. */
  dropRetired(): number {
    return this.#dropRetired.run().changes;
  }
}
