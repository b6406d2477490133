import { lstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const linkPrefix = 'sockets-';

/**
 * Where a serving process has the sockets of its own test handshakes: in the temporary directory, as a
 * socket's path is short by law (107 bytes) and a data directory's need not be. A link in the data directory
 * names it: of two processes that are killed at once, neither can remove it.
 */
export class SocketDirectory {
  readonly path: string;
  readonly #link: string;

  /** @param slot tells the serving processes of a node apart. */
  constructor(dataDirectory: string, slot: number) {
    this.path = mkdtempSync(join(tmpdir(), 'signet-'));
    this.#link = join(dataDirectory, `${linkPrefix}${slot}`);
    rmSync(this.#link, { force: true });
    symlinkSync(this.path, this.#link);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
    rmSync(this.#link, { force: true });
  }
}

/** Removes what processes of this node left that could not any more. None may run. */
export function removeSocketDirectories(dataDirectory: string): void {
  for (const name of readdirSync(dataDirectory)) {
    if (!name.startsWith(linkPrefix)) continue;
    const link = join(dataDirectory, name);
    const path = readlinkSync(link);
    if (isOurs(path)) rmSync(path, { recursive: true, force: true });
    rmSync(link);
  }
}

/** Everybody may make a directory there, also one of a name that was given up. */
function isOurs(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  const isNamedSo = /^signet-[A-Za-z0-9]{6}$/.test(basename(path));
  return isNamedSo && found?.isDirectory() === true && found.uid === process.getuid?.();
}
