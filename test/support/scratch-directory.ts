import { mkdirSync, mkdtempSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory for a whole suite, with named sub-directories; the suite removes it at its end. */
export class ScratchDirectory {
  readonly #root = mkdtempSync(join(tmpdir(), 'signet-e2e-'));

  /** The sub-directory of that name, made at the first call. */
  path(name: string): string {
    const path = join(this.#root, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** Files under a sub-directory whose bytes hold `text`. */
  async filesContaining(name: string, text: string): Promise<string[]> {
    const found: string[] = [];
    const entries = await readdir(this.path(name), { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      const file = join(entry.parentPath, entry.name);
      if (entry.isFile() && (await readFile(file)).includes(text)) found.push(file);
    }
    return found;
  }

  remove(): Promise<void> {
    return rm(this.#root, { recursive: true, force: true });
  }
}
