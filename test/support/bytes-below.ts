import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Every file below a directory with its bytes. */
export async function bytesBelow(directory: string): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found.set(path, await readFile(path));
  }
  return found;
}

/** The files below a directory that hold any of the given pieces. */
export async function filesHolding(
  directory: string,
  pieces: Readonly<Record<string, Uint8Array>>,
): Promise<string[]> {
  const holding: string[] = [];
  for (const [path, bytes] of await bytesBelow(directory)) {
    for (const [name, piece] of Object.entries(pieces)) {
      if (piece.byteLength < 8) throw new RangeError(`${name} is too short to tell from chance`);
      if (bytes.includes(Buffer.from(piece))) holding.push(`${name} in ${path}`);
    }
  }
  return holding;
}
