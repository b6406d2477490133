import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';

/**
 * A mark beside a database that was closed in order: its file as it was then. As long as the file is
 * the same, it need not be read through before it is used, which takes seconds for a million
 * certificates. Rows that rot on the disk are found by the verifier, while the node serves.
 */
export class OrderlyEnd {
  readonly #path: string;
  readonly #mark: string;

  /** @param path of the database. */
  constructor(path: string) {
    this.#path = path;
    this.#mark = `${path}-closed`;
  }

  /** Whether the database was closed in order and not touched since. The mark holds for one opening. */
  take(): boolean {
    const then = textOf(this.#mark);
    rmSync(this.#mark, { force: true });
    return then !== undefined && then === this.#now();
  }

  /** To be called once the database is closed. */
  leave(): void {
    const now = this.#now();
    if (now !== undefined) writeFileSync(this.#mark, now, { mode: 0o600 });
  }

  /** `undefined` while a part of the database lies in its write-ahead log: somebody has it open. */
  #now(): string | undefined {
    const file = statSync(this.#path, { throwIfNoEntry: false });
    const log = statSync(`${this.#path}-wal`, { throwIfNoEntry: false });
    return file && !log ? `${file.size} bytes, ${file.mtime.toISOString()}` : undefined;
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // no mark: the database was not closed in order
  }
}
