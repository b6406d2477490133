import type { Dirent, Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';

/** Whether the error says that there is no such file. */
export function isMissing(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    (error.code === 'ENOENT' || error.code === 'ENOTDIR')
  );
}

/** What a path leads to, links followed; `undefined` if it leads nowhere. */
export async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** A directory's entries by name; none if there is no such directory. */
export async function entriesOf(directory: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.sort((a, b) => a.name.localeCompare(b.name));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

export async function subdirectoriesOf(directory: string): Promise<string[]> {
  const entries = await entriesOf(directory);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(directory, name));
}

/**
 * Why a file of a tree is not read: it is not there, or a link leads out of the tree, where whoever may
 * write to the tree has no say. `undefined`: it is.
 * @param root as `realpath` gives it.
 */
export async function faultWithin(root: string, path: string): Promise<string | undefined> {
  try {
    const real = await realpath(path);
    return real.startsWith(root.endsWith(sep) ? root : `${root}${sep}`)
      ? undefined
      : `it is a link that leads out of ${root}`;
  } catch (error) {
    if (isMissing(error)) return 'it is not there';
    throw error;
  }
}
