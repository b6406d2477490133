import { randomUUID } from 'node:crypto';
import { closeSync, openSync, read, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** More than a socket holds without asking for a pause. */
export const spoolPieceBytes = 256 * 1024;

/**
 * What the engine delivers of a body after it was told to pause, in a temporary file that has no name.
 *
 * Written at once and not by a thread of the pool: the engine hands over its next piece before this one
 * would be on its way, and memory would hold them all.
 */
export class UploadSpool {
  readonly #fd: number;
  readonly #buffer = Buffer.allocUnsafeSlow(spoolPieceBytes);
  #written = 0;
  #read = 0;
  #isClosed = false;
  isReading = false;

  /** @throws if the file can't be made. */
  constructor() {
    const path = join(tmpdir(), `signet-upload-${randomUUID()}`);
    this.#fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
  }

  /** Bytes that have not been read back. */
  get length(): number {
    return this.#written - this.#read;
  }

  /** @throws if the disk is full or fails. */
  append(piece: Buffer): void {
    for (let at = 0; at < piece.length; ) {
      at += writeSync(this.#fd, piece, at, piece.length - at, this.#written + at);
    }
    this.#written += piece.length;
  }

  /**
   * Reads the next piece, over the one before; not while it is being read. Silent once the spool is closed.
   */
  next(done: (piece: Buffer) => void, failed: () => void): void {
    this.isReading = true;
    const wanted = Math.min(spoolPieceBytes, this.length);
    read(this.#fd, this.#buffer, 0, wanted, this.#read, (error, length) => {
      this.isReading = false;
      if (this.#isClosed) {
        closeSync(this.#fd);
        return;
      }
      this.#read += length;
      if (error !== null || length === 0) failed();
      else done(this.#buffer.subarray(0, length));
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // A read under way must not find the number given to another file.
    if (!this.isReading) closeSync(this.#fd);
  }
}
