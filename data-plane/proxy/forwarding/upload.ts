import type { UpstreamConnection } from '../upstream/upstream-connection.js';

const crlf = Buffer.from('\r\n');
const lastChunk = Buffer.from('0\r\n\r\n');
/** Bytes that may wait for a connection before the client is told to wait as well. */
const maxWaitingBytes = 64 * 1024;

/** A request's body on its way to the upstream, framed as the request's head says. */
export class Upload {
  readonly #isChunked: boolean;
  #connection: UpstreamConnection | undefined;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** Whether the client has sent all of it. */
  isComplete = false;
  /** Whether a byte of it may have reached an upstream: it can't be sent again. */
  hasBegun = false;

  constructor(isChunked: boolean) {
    this.#isChunked = isChunked;
  }

  /** Bytes in memory, those included that the socket to the upstream has not passed on. */
  get heldBytes(): number {
    return this.#waitingBytes + (this.#connection?.writableLength ?? 0);
  }

  /** @returns whether the client may go on at once. */
  take(piece: Buffer, last: boolean): boolean {
    if (last) this.isComplete = true;
    const connection = this.#connection;
    if (connection !== undefined) return this.#send(connection, piece);
    if (piece.length > 0) this.#waiting.push(piece);
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
    if (this.isComplete) this.#end(connection);
    return ready;
  }

  /** The connection is gone: what comes now waits for another. */
  detach(): void {
    this.#connection = undefined;
  }

  #send(connection: UpstreamConnection, piece: Buffer): boolean {
    const ready = this.#write(connection, piece);
    if (this.isComplete) this.#end(connection);
    return ready;
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
  }
}
