import {
  closeSync,
  constants,
  ftruncateSync,
  mkdtempSync,
  openSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Linux's `__O_TMPFILE`, the same on every architecture Node runs on; Node has no name for it. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;

/**
 * The engine reads certificates from files only. This gives it one for the length of a call:
 *
 * 1. Linux: one file in memory (/dev/shm) that has no name in any directory, reached through
 *    /proc/self/fd; nobody can open it by a path, and it is gone with the process.
 * 2. Elsewhere: a 0600 file in a directory of mode 0700, removed before the call returns.
 *
 * Either way the bytes are overwritten and cut off after use. One per thread; not reentrant.
 */
export class KeyFile {
  readonly #unnamed: number | undefined;
  readonly #directory: string | undefined;

  constructor(memoryDirectory = '/dev/shm', fallbackDirectory = tmpdir()) {
    this.#unnamed = openUnnamed(memoryDirectory);
    if (this.#unnamed === undefined) {
      this.#directory = mkdtempSync(join(fallbackDirectory, 'signet-'));
    }
  }

  /** Whether keys never have a file name on this platform. */
  get isUnnamed(): boolean {
    return this.#unnamed !== undefined;
  }

  /** Calls `use` with a path that holds `pem`; the path is void afterwards. */
  expose<Result>(pem: string, use: (path: string) => Result): Result {
    const bytes = Buffer.from(pem);
    try {
      return this.#unnamed === undefined
        ? this.#exposeNamed(bytes, use)
        : exposeThrough(this.#unnamed, `/proc/self/fd/${this.#unnamed}`, bytes, use);
    } finally {
      bytes.fill(0);
    }
  }

  close(): void {
    if (this.#unnamed !== undefined) closeSync(this.#unnamed);
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
  }

  #exposeNamed<Result>(bytes: Buffer, use: (path: string) => Result): Result {
    const path = join(this.#directory as string, 'pair.pem'); // set whenever #unnamed is not
    const file = openSync(path, 'wx', 0o600);
    try {
      return exposeThrough(file, path, bytes, use);
    } finally {
      closeSync(file);
      unlinkSync(path);
    }
  }
}

function openUnnamed(directory: string): number | undefined {
  if (process.platform !== 'linux') return undefined;
  let file: number | undefined;
  try {
    file = openSync(directory, constants.O_RDWR | O_TMPFILE, 0o600);
    // The engine must be able to do the same: without /proc, or in a process that may not look at
    // itself, it would load nothing and say nothing.
    closeSync(openSync(`/proc/self/fd/${file}`, 'r'));
    return file;
  } catch {
    if (file !== undefined) closeSync(file);
    return undefined; // no such directory, or a file system without O_TMPFILE: the fallback does it
  }
}

function exposeThrough<Result>(
  file: number,
  path: string,
  bytes: Buffer,
  use: (path: string) => Result,
): Result {
  try {
    writeSync(file, bytes, 0, bytes.length, 0);
    return use(path);
  } finally {
    writeSync(file, Buffer.alloc(bytes.length), 0, bytes.length, 0);
    ftruncateSync(file, 0);
  }
}
