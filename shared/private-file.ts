import { randomBytes } from 'node:crypto';
import { type FileHandle, link, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Files that hold secrets: for their owner alone, written whole or not at all, and durable before
 * anything depends on them.
 */

/** Makes the file with mode 0600. One that exists stays as it is. */
export async function createPrivateFile(path: string, content: string): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}.draft`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
    await link(draft, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error;
  } finally {
    await file.close();
    await unlink(draft);
  }
}

export type PrivateFile =
  | { readonly status: 'read'; readonly content: string }
  | { readonly status: 'missing' }
  /** Group or others may read or write it. */
  | { readonly status: 'exposed' };

export async function readPrivateFile(path: string): Promise<PrivateFile> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return { status: 'missing' };
    throw error;
  }
  try {
    const { mode } = await file.stat();
    if ((mode & 0o077) !== 0) return { status: 'exposed' };
    return { status: 'read', content: await file.readFile('utf8') };
  } finally {
    await file.close();
  }
}

/** Makes a new, renamed or removed name in a directory survive a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

export function hasErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
