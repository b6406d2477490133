import type { BodyWriter } from './body-writer.js';

/** The exchange that a response belongs to. */
export interface ResponseStreamOwner {
  /** Whether nothing more can be sent. */
  readonly isOver: boolean;
  /** Whether the request's body is not being read, on purpose. */
  readonly isReadingPaused: boolean;
  resumeReading(): void;
  /** Runs `writes` as one write to the socket. */
  batch(writes: () => void): void;
  /** The engine has ended the response, with the last byte of a known length. */
  ended(): void;
  /** The client has taken a response whose end the engine does not know. */
  endBody(length: 'unknown' | 'none'): void;
  cut(): void;
  /** The client takes more after a `write` that returned false. */
  writable(): void;
}

/** A started response: pieces of a body on their way out, and an end once the client has taken them. */
export class ResponseStream {
  readonly writer: BodyWriter;
  readonly #owner: ResponseStreamOwner;
  #finishing = false;

  constructor(writer: BodyWriter, owner: ResponseStreamOwner) {
    this.writer = writer;
    this.#owner = owner;
  }

  /** While the cork is held. */
  write(piece: Buffer): void {
    const owner = this.#owner;
    // The last byte of a known length ends the response, and a paused connection would stay so.
    if (owner.isReadingPaused && this.writer.isLast(piece)) owner.resumeReading();
    this.writer.write(piece);
    if (this.writer.isWhole) owner.ended();
  }

  /** While the cork is held anew. */
  writeOverflow(): void {
    this.writer.writeOverflow();
    if (this.#finishing) this.#finishIfTaken();
  }

  /** The body is whole. While the cork is held. */
  finish(): void {
    this.#finishing = true;
    this.#finishIfTaken();
  }

  /** The engine can write again. */
  drained(): void {
    if (this.#owner.isOver) return;
    this.writer.progressed();
    this.retry();
    this.#unblocked();
  }

  /** Corking, even of nothing, is what makes the engine send what it kept. */
  retry(): void {
    if (this.#owner.isOver) return;
    const wasBlocked = this.writer.isBlocked;
    this.#owner.batch(() => {
      const rest = this.writer.takeRemainder();
      if (rest !== undefined) this.write(rest);
    });
    if (wasBlocked && !this.writer.isBlocked) this.#unblocked();
  }

  #unblocked(): void {
    if (this.#owner.isOver || this.writer.isBlocked) return;
    if (this.#finishing) this.#owner.batch(() => this.#finishIfTaken());
    else this.#owner.writable();
  }

  #finishIfTaken(): void {
    const { length, isBlocked, hasOverflow } = this.writer;
    if (this.#owner.isOver || isBlocked || hasOverflow) return;
    // A body of known length ends with its last byte; one that stayed short can't be repaired.
    if (typeof length === 'number') this.#owner.cut();
    else this.#owner.endBody(length);
  }
}
