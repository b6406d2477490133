import type { HttpResponse } from 'uWebSockets.js';
import type { Cork } from './cork.js';
import type { ResponseLength } from './response-start.js';

/** Two line ends and a size in hexadecimal digits around each chunk. */
const chunkOverheadBytes = 12;

/**
 * The body of a started response on its way out; everything that writes is to be called while the cork is held.
 *
 * Of a body of known length it keeps what the client did not take. Of one of unknown length the engine
 * does; but a write that overflows the cork buffer is lost without a trace if the kernel does not even
 * take what was corked before it. So writes fill the buffer at the most, and the rest goes into the next.
 */
export class BodyWriter {
  readonly #res: HttpResponse;
  readonly #cork: Cork;
  readonly #now: () => number;
  readonly length: ResponseLength;
  #remainder: Buffer | undefined;
  /** Where remainders are kept: a slow download has many, one after the other. */
  #room: Buffer | undefined;
  #overflow: Buffer[] = [];
  #lastWriteAt: number;
  /** Whether the client takes nothing more for now. */
  isBlocked = false;
  /** Whether a body of known length is whole: with its last byte the engine has ended the response. */
  isWhole = false;

  constructor(res: HttpResponse, cork: Cork, length: ResponseLength, now: () => number) {
    this.#res = res;
    this.#cork = cork;
    this.#now = now;
    this.length = length;
    this.#lastWriteAt = now();
  }

  /** Whether the cork has to be taken again at once, before the pieces written are overwritten. */
  get hasOverflow(): boolean {
    return this.#overflow.length > 0;
  }

  /** Whether bytes that the client did not take are kept here, not by the engine. */
  get hasRemainder(): boolean {
    return this.#remainder !== undefined;
  }

  silentMs(now: number): number {
    return now - this.#lastWriteAt;
  }

  write(piece: Buffer): void {
    if (this.#remainder !== undefined) {
      this.#remainder = Buffer.concat([this.#remainder, piece]);
    } else if (typeof this.length === 'number') {
      this.#writePart(piece, this.length);
    } else {
      this.#writeChunk(piece);
    }
  }

  writeOverflow(): void {
    const pieces = this.#overflow;
    this.#overflow = [];
    for (const piece of pieces) this.#writeChunk(piece);
  }

  takeRemainder(): Buffer | undefined {
    const rest = this.#remainder;
    this.#remainder = undefined;
    return rest;
  }

  /** Whether the body may be whole with `piece`. */
  isLast(piece: Buffer): boolean {
    return (
      typeof this.length === 'number' && this.#res.getWriteOffset() + piece.length >= this.length
    );
  }

  /** The client took something. */
  progressed(): void {
    this.#lastWriteAt = this.#now();
    this.isBlocked = false;
  }

  #writePart(piece: Buffer, total: number): void {
    const before = this.#res.getWriteOffset();
    const [taken, done] = this.#res.tryEnd(piece, total);
    if (done) {
      this.isWhole = true;
    } else if (taken) {
      this.progressed();
    } else {
      const rest = piece.subarray(this.#res.getWriteOffset() - before);
      this.#remainder = this.#keep(rest);
      if (rest.length < piece.length) this.#lastWriteAt = this.#now();
      this.isBlocked = true;
    }
  }

  /** @param rest may be a part of what was kept before. */
  #keep(rest: Buffer): Buffer {
    if (this.#room === undefined || this.#room.length < rest.length) {
      this.#room = Buffer.allocUnsafeSlow(rest.length);
    }
    rest.copy(this.#room);
    return this.#room.subarray(0, rest.length);
  }

  #writeChunk(piece: Buffer): void {
    const cork = this.#cork;
    const room = cork.room - chunkOverheadBytes;
    if (this.#overflow.length > 0 || room <= 0) {
      this.#overflow.push(piece);
      return;
    }
    const fits = piece.length <= room ? piece : piece.subarray(0, room);
    cork.room -= fits.length + chunkOverheadBytes;
    if (this.#res.write(fits)) this.progressed();
    else this.isBlocked = true;
    if (fits !== piece) this.#overflow.push(piece.subarray(room));
  }
}
