import type { UpstreamConnection } from '../upstream/upstream-connection.js';
import { UploadBlocks } from './upload-blocks.js';
import { spoolPieceBytes, UploadSpool } from './upload-spool.js';

const crlf = Buffer.from('\r\n');
const lastChunk = Buffer.from('0\r\n\r\n');
/** Bytes that may wait for a connection before the client is told to wait as well. */
const maxWaitingBytes = 64 * 1024;

const blocks = new UploadBlocks();

export interface UploadLimits {
  readonly maxBufferedRequestBytes: number;
  readonly maxSpooledRequestBytes: number;
}

export interface UploadOwner {
  /** What had to be put on disk has been sent. */
  spoolEmptied(): void;
  /** More came than may be kept, or the disk failed; the upload can't be completed. */
  uploadFailed(): void;
}

/**
 * A request's body on its way to the upstream, framed as the request's head says. What the upstream does
 * not take is held in memory up to a bound and on disk above it.
 */
export class Upload {
  readonly #isChunked: boolean;
  readonly #limits: UploadLimits;
  readonly #owner: UploadOwner;
  #connection: UpstreamConnection | undefined;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** What the socket still reads, if it is in a block. */
  #block: Buffer | undefined;
  #spool: UploadSpool | undefined;
  /** Whether the client has sent all of it. */
  isComplete = false;
  /** Whether all of it was handed to the connection. */
  isSent = false;
  /** Whether a byte of it may have reached an upstream: it can't be sent again. */
  hasBegun = false;

  constructor(isChunked: boolean, limits: UploadLimits, owner: UploadOwner) {
    this.#isChunked = isChunked;
    this.#limits = limits;
    this.#owner = owner;
  }

  /**
   * @param piece is overwritten afterwards.
   * @returns whether the client may go on at once.
   */
  take(piece: Buffer, last: boolean): boolean {
    if (last) this.isComplete = true;
    const connection = this.#connection;
    if (this.#spool !== undefined || this.#mustSpool(piece)) {
      this.#putOnDisk(piece);
      return false;
    }
    if (connection !== undefined) return this.#send(connection, piece);
    if (piece.length > 0) this.#waiting.push(Buffer.from(piece));
    this.#waitingBytes += piece.length;
    return this.#waitingBytes <= maxWaitingBytes;
  }

  /**
   * Sends what waited; the request's head has just been written.
   * @returns whether the client may go on at once.
   */
  flowTo(connection: UpstreamConnection): boolean {
    this.#connection = connection;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    let ready = true;
    for (const piece of waiting) ready = this.#write(connection, piece);
    if (this.#spool !== undefined) return connection.writableLength === 0 && this.drained();
    if (this.isComplete) this.#end(connection);
    return ready;
  }

  /** The connection has taken all that was written. @returns whether the client may go on at once. */
  drained(): boolean {
    this.#releaseBlock();
    const spool = this.#spool;
    const connection = this.#connection;
    if (spool === undefined) return true;
    if (connection !== undefined && !spool.isReading) this.#goOn(spool, connection);
    return this.#spool === undefined;
  }

  /** The connection is gone: what comes now waits for another. */
  detach(): void {
    this.#connection = undefined;
    this.#block = undefined;
  }

  /** The upload is over, complete or not. */
  close(): void {
    this.#connection = undefined;
    // The socket may still read it: not used again.
    this.#block = undefined;
    this.#spool?.close();
    this.#spool = undefined;
  }

  #mustSpool(piece: Buffer): boolean {
    const held = this.#waitingBytes + (this.#connection?.writableLength ?? 0);
    if (this.#block !== undefined && piece.length > maxWaitingBytes) return true;
    return held > 0 && held + piece.length > this.#limits.maxBufferedRequestBytes;
  }

  #putOnDisk(piece: Buffer): void {
    try {
      this.#spool ??= new UploadSpool();
      this.#spool.append(piece);
    } catch {
      // No room or no right to write: the same as being over the bound.
      this.#owner.uploadFailed();
      return;
    }
    if (this.#spool.length > this.#limits.maxSpooledRequestBytes) this.#owner.uploadFailed();
  }

  /** Sends the next piece on disk, once the connection holds nothing of the one before. */
  #goOn(spool: UploadSpool, connection: UpstreamConnection): void {
    if (spool.length === 0) {
      spool.close();
      this.#spool = undefined;
      if (this.isComplete) this.#end(connection);
      this.#owner.spoolEmptied();
      return;
    }
    spool.next(
      (piece) => {
        // Only a full piece is sure to be followed by a 'drained', so only that may be written in place.
        const isFull = piece.length === spoolPieceBytes;
        const ready = this.#write(connection, isFull ? piece : Buffer.from(piece));
        if (ready || connection.writableLength === 0) this.#goOn(spool, connection);
      },
      () => this.#owner.uploadFailed(),
    );
  }

  #send(connection: UpstreamConnection, piece: Buffer): boolean {
    const block = this.#block === undefined ? blocks.copy(piece) : undefined;
    const ready = this.#write(connection, block ?? Buffer.from(piece));
    this.#block ??= block;
    if (connection.writableLength === 0) this.#releaseBlock();
    if (this.isComplete) this.#end(connection);
    return ready;
  }

  #releaseBlock(): void {
    const block = this.#block;
    this.#block = undefined;
    if (block !== undefined) blocks.release(block);
  }

  #write(connection: UpstreamConnection, piece: Buffer): boolean {
    if (piece.length === 0) return true;
    this.hasBegun = true;
    if (!this.#isChunked) return connection.write(piece);
    connection.cork();
    connection.write(`${piece.length.toString(16)}\r\n`);
    connection.write(piece);
    const ready = connection.write(crlf);
    connection.uncork();
    return ready;
  }

  #end(connection: UpstreamConnection): void {
    if (this.#isChunked) connection.write(lastChunk);
    this.isSent = true;
  }
}
