import { type FileHandle, open } from 'node:fs/promises';
import { hasErrno } from './errno.js';

/** What came of reading a file that holds a secret. */
export type PrivateFile =
  | { readonly status: 'read'; readonly content: string }
  | { readonly status: 'missing' }
  /** Group or others may read or write it. */
  | { readonly status: 'exposed' };

/** Reads a file that must be its owner's alone. @throws Error of the system call, but for a missing file */
export async function readPrivateFile(path: string): Promise<PrivateFile> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return { status: 'missing' };
    throw error;
  }
  try {
    // Of the file that is open: another could have taken its name meanwhile.
    const { mode } = await file.stat();
    if ((mode & 0o077) !== 0) return { status: 'exposed' };
    return { status: 'read', content: await file.readFile('utf8') };
  } finally {
    await file.close();
  }
}
