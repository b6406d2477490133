import { randomBytes } from 'node:crypto';
import { type FileHandle, link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hasErrno } from './errno.js';

/**
 * Writes a file so that it is there whole or not at all, also after a power cut: under another name
 * first, written through, then renamed. It never exists with a wider mode than `mode`.
 */
export async function writeFileAtomically(path: string, text: string, mode: number): Promise<void> {
  await withDraft(path, text, mode, (draft) => rename(draft, path));
}

/** The same for a file that nobody has made before; of several at a time, one makes it. */
export async function createFileAtomically(
  path: string,
  text: string,
  mode: number,
): Promise<'created' | 'exists'> {
  return withDraft(path, text, mode, async (draft) => {
    try {
      await link(draft, path);
      return 'created';
    } catch (error) {
      if (hasErrno(error, 'EEXIST')) return 'exists';
      throw error;
    }
  });
}

async function withDraft<Result>(
  path: string,
  text: string,
  mode: number,
  place: (draft: string) => Promise<Result>,
): Promise<Result> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  let result: Result;
  try {
    const file = await openDraft(draft, path, mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    result = await place(draft);
  } finally {
    await rm(draft, { force: true });
  }
  await syncDirectory(dirname(path));
  return result;
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

/** Its name means nothing to whoever reads the error. */
async function openDraft(draft: string, path: string, mode: number): Promise<FileHandle> {
  try {
    return await open(draft, 'wx', mode);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw Object.assign(error, { path: hasErrno(error, 'ENOENT') ? dirname(path) : path });
  }
}
