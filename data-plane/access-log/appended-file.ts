import { closeSync, openSync, write, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeDirectory } from '../../shared/make-directory.js';

const batchBytes = 256 * 1024;
const flushMs = 1_000;
/** A disk that does not keep up costs lines, not memory. */
const maxWaitingBytes = 16 * 1024 * 1024;

export interface AppendedFileEvents {
  failed(error: Error): void;
  /** A text was lost. */
  dropped(): void;
}

/**
 * A file that ASCII texts are appended to: gathered as bytes up to a batch or for a second, and written by
 * a thread of the pool. Gathering them as one string instead costs ten times as much (it becomes a tree).
 */
export class AppendedFile {
  readonly #events: AppendedFileEvents;
  readonly #timer: NodeJS.Timeout;
  #fd: number | undefined;
  #batch: Buffer = Buffer.allocUnsafeSlow(batchBytes);
  #filled = 0;
  /** A batch that was written, to be filled again: new ones make the collector run more often. */
  #spare: Buffer | undefined;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #isWriting = false;

  constructor(path: string, mode: number, events: AppendedFileEvents) {
    this.#events = events;
    try {
      makeDirectory(dirname(path), 0o755);
      this.#fd = openSync(path, 'a', mode);
    } catch (error) {
      events.failed(error instanceof Error ? error : new Error(String(error)));
    }
    this.#timer = setInterval(() => this.#flush(), flushMs);
    this.#timer.unref();
  }

  append(text: string): void {
    if (this.#fd === undefined || this.#waitingBytes > maxWaitingBytes) {
      this.#events.dropped();
      return;
    }
    if (this.#filled + text.length > batchBytes) this.#flush();
    if (text.length > batchBytes) this.#queue(Buffer.from(text, 'latin1'));
    else this.#filled += this.#batch.write(text, this.#filled, 'latin1');
  }

  /** Writes what is waiting, before the thread ends. */
  close(): void {
    clearInterval(this.#timer);
    const fd = this.#fd;
    if (fd === undefined) return;
    this.#fd = undefined;
    // What the pool is writing right now is its own to finish: the file is open for appending.
    const rest = this.#isWriting ? this.#waiting.slice(1) : this.#waiting;
    try {
      for (const piece of [...rest, this.#batch.subarray(0, this.#filled)]) writeAll(fd, piece);
      if (!this.#isWriting) closeSync(fd);
    } catch (error) {
      this.#events.failed(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #flush(): void {
    if (this.#filled === 0) return;
    const piece = this.#batch.subarray(0, this.#filled);
    this.#batch = this.#spare ?? Buffer.allocUnsafeSlow(batchBytes);
    this.#spare = undefined;
    this.#filled = 0;
    this.#queue(piece);
  }

  #queue(piece: Buffer): void {
    this.#waiting.push(piece);
    this.#waitingBytes += piece.length;
    if (!this.#isWriting) this.#writeNext();
  }

  #writeNext(): void {
    const piece = this.#waiting[0];
    const fd = this.#fd;
    this.#isWriting = piece !== undefined && fd !== undefined;
    if (piece === undefined || fd === undefined) return;
    write(fd, piece, (error, written) => {
      if (error !== null) this.#events.failed(error);
      this.#waitingBytes -= error === null ? written : piece.length;
      // A failed piece is given up: the next attempt should not fail for the same bytes for ever.
      if (error === null && written < piece.length) {
        this.#waiting[0] = piece.subarray(written);
      } else {
        this.#waiting.shift();
        if (piece.buffer.byteLength === batchBytes) this.#spare = Buffer.from(piece.buffer);
      }
      if (this.#fd === undefined) closeSync(fd);
      else this.#writeNext();
    });
  }
}

function writeAll(fd: number, piece: Buffer): void {
  for (let at = 0; at < piece.length; ) at += writeSync(fd, piece, at);
}
