import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import type { Logger } from '../../shared/logger.js';
import { revision } from '../../shared/revision.js';
import type { SnapshotPlace, StateSnapshot, StateSnapshotStore } from '../ports/state-snapshot.js';
import { hasErrno, syncDirectory } from './private-file.js';

export interface FileStateSnapshotOptions {
  /** Its directory must exist. */
  readonly path: string;
  readonly logger: Logger;
}

/**
 * One file: a magic word, then parts of `length (32 bits, big-endian) | bytes`, an empty part as the
 * end, and SHA-256 over all of it. The first part is the header.
 */
export class FileStateSnapshotStore implements StateSnapshotStore {
  readonly #path: string;
  readonly #logger: Logger;

  constructor(options: FileStateSnapshotOptions) {
    this.#path = options.path;
    this.#logger = options.logger;
  }

  async load(): Promise<StateSnapshot | undefined> {
    let bytes: Buffer;
    try {
      bytes = await readFile(this.#path);
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return undefined;
      this.#logger.warn({ err: error, path: this.#path }, 'the state snapshot cannot be read');
      return undefined;
    }
    const snapshot = parse(bytes);
    if (snapshot === undefined) {
      this.#logger.warn({ path: this.#path }, 'the state snapshot is damaged');
    }
    return snapshot;
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
const digestBytes = 32;

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

function parse(bytes: Buffer): StateSnapshot | undefined {
  const end = bytes.byteLength - digestBytes;
  if (end < magic.byteLength || !bytes.subarray(0, magic.byteLength).equals(magic)) {
    return undefined;
  }
  const digest = createHash('sha256').update(bytes.subarray(0, end)).digest();
  if (!digest.equals(bytes.subarray(end))) return undefined;
  const [first, ...parts] = splitParts(bytes.subarray(magic.byteLength, end));
  const header: unknown = first === undefined ? undefined : JSON.parse(first.toString('utf8'));
  if (!headerForm.Check(header)) return undefined;
  const { form, logId, hash } = header;
  return { form, parts, place: { logId, head: { revision: revision(header.revision), hash } } };
}

/** Bytes whose digest was right: their lengths are those that were written. */
function splitParts(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let offset = 0; ; ) {
    const length = bytes.readUInt32BE(offset);
    if (length === 0) return parts;
    parts.push(bytes.subarray(offset + 4, offset + 4 + length));
    offset += 4 + length;
  }
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
