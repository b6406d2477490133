import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a directory, and with the same mode those above it that are not there. Not by Node's
 * `recursive: true`, which never returns (Node 20 and 22) where `mkdir` answers ENOENT although the
 * directory above is there, as under /proc.
 * @throws Error of the system call, with its `code` and `path`
 */
export function makeDirectory(path: string, mode = 0o700): void {
  if (existsSync(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeDirectory(parent, mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    // Another process was faster.
    if (!existsSync(path)) throw error;
  }
}
