import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrno } from '../../shared/errno.js';

/** A chain and its key take a few KB; what is larger is something else. */
const maxFileBytes = 256 * 1024;
const maxDepth = 12;

/**
 * Every regular file below a directory that may hold PEM, in no order. Links to files are followed
 * (certbot's `live` directory is made of them), links to directories are not.
 */
export async function* findPemFiles(directory: string, depth = 0): AsyncGenerator<string> {
  const entries = await readdir(directory, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => a.name.localeCompare(b.name))) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      if (depth < maxDepth) yield* findPemFiles(path, depth + 1);
    } else if (entry.isFile() || entry.isSymbolicLink()) {
      if (await isSmallFile(path)) yield path;
    }
  }
}

async function isSmallFile(path: string): Promise<boolean> {
  try {
    const found = await stat(path);
    return found.isFile() && found.size > 0 && found.size <= maxFileBytes;
  } catch (error) {
    // A link that leads nowhere is not a certificate.
    if (hasErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
