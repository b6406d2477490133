import type { HttpResponse } from 'uWebSockets.js';
import type { EngineTurn } from './engine-turn.js';

/** A request's body on its way in. Pauses and resumes in pairs, as the engine demands. */
export class BodyReader {
  readonly #res: HttpResponse;
  readonly #now: () => number;
  #lastReadAt: number;
  /** Whether the client still sends. */
  isPending = true;
  isPaused = false;

  /**
   * Only in the request handler itself: the engine keeps nothing for later.
   * @param receive is handed pieces that are overwritten afterwards; must bear to be called after the end of the exchange.
   */
  constructor(
    res: HttpResponse,
    turn: EngineTurn,
    now: () => number,
    receive: (piece: Buffer, last: boolean) => void,
  ) {
    this.#res = res;
    this.#now = now;
    this.#lastReadAt = now();
    // The engine may hand over the body's first bytes before the handler's own writes have left.
    turn.enterRead();
    res.onData((chunk, last) => {
      turn.enterRead();
      if (last) this.isPending = false;
      this.#lastReadAt = now();
      receive(Buffer.from(chunk), last);
    });
  }

  /** Whether the client is expected to send right now. */
  get isReading(): boolean {
    return this.isPending && !this.isPaused;
  }

  silentMs(now: number): number {
    return now - this.#lastReadAt;
  }

  /** The engine may still deliver what it has read already, megabytes of it. */
  pause(): void {
    if (this.isPaused || !this.isPending) return;
    this.isPaused = true;
    this.#res.pause();
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.#lastReadAt = this.#now();
    this.#res.resume();
  }
}
