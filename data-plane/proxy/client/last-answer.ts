/** How long no answer leaves at once after a request was found behind a last one. */
const waryMs = 15_000;

/**
 * Lets the last answer of a connection leave in its request's handler, which is cheaper than in the
 * engine's next turn, and finds what the client sent behind that request. One per app.
 *
 * When the engine is done with what it has read from a connection, it closes it, and the app's filter
 * is told before any other connection has its turn. But a second request in what it has read comes
 * first, and has the engine forget the close. So a request that comes before the close is behind the
 * last one, and must not be processed (RFC 9112 §9.6).
 *
 * Unless a client lets answers pile up until not even a short one fits into its socket: then the close
 * waits, and the next request is somebody else's. So it must come from the same address, and after
 * each doubt last answers wait for the engine's turn for a while: at worst a client has one request of
 * its neighbours cut. A request behind a pending one ends its connection by the engine itself.
 */
export class LastAnswer {
  #isLeaving = false;
  #peer = '';
  #waryUntil = Number.NEGATIVE_INFINITY;

  mayLeaveAtOnce(now: number): boolean {
    return now >= this.#waryUntil;
  }

  /** Whether the close of a connection is awaited: the next request is to be judged by `precedes`. */
  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  /** It is sent now to `peer`, in its request's handler, and closes the connection. */
  leaves(peer: string): void {
    this.#isLeaving = true;
    this.#peer = peer;
  }

  /** A connection of the app has closed. */
  closed(): void {
    this.#isLeaving = false;
  }

  /** Whether a request from `peer` that comes while the close is awaited is behind the last one. */
  precedes(peer: string, now: number): boolean {
    this.#isLeaving = false;
    this.#waryUntil = now + waryMs;
    return peer === this.#peer;
  }
}
