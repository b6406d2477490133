import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { hasErrno } from '../../shared/errno.js';
import { revision } from '../../shared/revision.js';
import { syncDirectory } from '../../shared/write-file.js';
import {
  SnapshotDamagedError,
  type SnapshotPlace,
  type StateSnapshot,
  type StateSnapshotStore,
} from '../ports/state-snapshot.js';

/**
 * One file: a magic word, then parts of `length (32 bits, big-endian) | bytes`, an empty part as the
 * end, and SHA-256 over all of it. The first part is the header.
 */
export class FileStateSnapshotStore implements StateSnapshotStore {
  readonly #path: string;

  /** The directory of `path` must exist. */
  constructor(path: string) {
    this.#path = path;
  }

  async load(): Promise<StateSnapshot | undefined> {
    let file: FileHandle;
    try {
      file = await open(this.#path, 'r');
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return undefined;
      throw new SnapshotDamagedError('the state snapshot cannot be opened', { cause: error });
    }
    const reader = new PartReader(file);
    try {
      const { form, ...place } = await readHeader(reader);
      return { form, place, parts: readParts(reader), discard: () => reader.close() };
    } catch (error) {
      await reader.close();
      throw error;
    }
  }

  async save(place: SnapshotPlace, form: string, parts: Iterable<Uint8Array>): Promise<void> {
    const draft = `${this.#path}.draft`;
    // A draft is of a crash: nobody else writes here.
    await rm(draft, { force: true });
    const file = await open(draft, 'wx', 0o600);
    try {
      const hash = createHash('sha256');
      await write(file, hash, magic);
      const { logId, head } = place;
      const header = { form, logId, revision: head.revision, hash: head.hash };
      await writePart(file, hash, Buffer.from(JSON.stringify(header), 'utf8'));
      for (const part of parts) await writePart(file, hash, part);
      await writePart(file, hash, new Uint8Array(0));
      await file.appendFile(hash.digest());
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, this.#path);
    await syncDirectory(dirname(this.#path));
  }
}

const magic = Buffer.from('signet snapshot 1\n', 'latin1');
/** A damaged length must not ask for all the memory. A group of rows has a few MB. */
const maxPartBytes = 1024 * 1024 * 1024;

const headerForm = Compile(
  Type.Object(
    {
      form: Type.String(),
      logId: Type.String(),
      revision: Type.Integer({ minimum: 0 }),
      hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    },
    { additionalProperties: false },
  ),
);

async function readHeader(reader: PartReader): Promise<SnapshotPlace & { readonly form: string }> {
  if (!(await reader.bytes(magic.byteLength)).equals(magic)) throw damaged();
  const header = parseJson(await reader.part());
  if (!headerForm.Check(header)) throw damaged();
  const { form, logId, hash } = header;
  return { form, logId, head: { revision: revision(header.revision), hash } };
}

async function* readParts(reader: PartReader): AsyncGenerator<Uint8Array> {
  try {
    for (let part = await reader.part(); part.byteLength > 0; part = await reader.part())
      yield part;
    await reader.end();
  } finally {
    await reader.close();
  }
}

/** Reads a file from front to back into one buffer that is used again, hashing what it reads. */
class PartReader {
  readonly #file: FileHandle;
  readonly #hash = createHash('sha256');
  #buffer = Buffer.allocUnsafe(64 * 1024);
  #isClosed = false;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async part(): Promise<Buffer> {
    const length = (await this.bytes(4)).readUInt32BE(0);
    if (length > maxPartBytes) throw damaged();
    return this.bytes(length);
  }

  async bytes(length: number): Promise<Buffer> {
    const bytes = await this.#read(length);
    this.#hash.update(bytes);
    return bytes;
  }

  /** The digest, and nothing after it. */
  async end(): Promise<void> {
    const digest = this.#hash.digest();
    if (!digest.equals(await this.#read(digest.byteLength))) throw damaged();
    if ((await this.#file.read(this.#buffer, 0, 1)).bytesRead > 0) throw damaged();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#file.close();
  }

  async #read(length: number): Promise<Buffer> {
    if (this.#buffer.byteLength < length) this.#buffer = Buffer.allocUnsafe(2 * length);
    for (let done = 0; done < length; ) {
      const { bytesRead } = await this.#file.read(this.#buffer, done, length - done);
      if (bytesRead === 0) throw damaged();
      done += bytesRead;
    }
    return this.#buffer.subarray(0, length);
  }
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

function damaged(): SnapshotDamagedError {
  return new SnapshotDamagedError('the state snapshot is damaged');
}

async function writePart(file: FileHandle, hash: Hash, part: Uint8Array): Promise<void> {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(part.byteLength);
  await write(file, hash, length);
  await write(file, hash, part);
}

async function write(file: FileHandle, hash: Hash, bytes: Uint8Array): Promise<void> {
  hash.update(bytes);
  await file.appendFile(bytes);
}
