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
 * waits, and the next request is somebody else's. So after each find, last answers wait for the engine's
 * turn for a while; a request behind one that is still pending ends its connection by the engine itself.
 */
export class LastAnswer {
  #isLeaving = false;
  #waryUntil = Number.NEGATIVE_INFINITY;

  mayLeaveAtOnce(now: number): boolean {
    return now >= this.#waryUntil;
  }

  /** It is sent now, in its request's handler, and closes the connection. */
  leaves(): void {
    this.#isLeaving = true;
  }

  /** A connection of the app has closed. */
  closed(): void {
    this.#isLeaving = false;
  }

  /** To be asked once by each request: whether it came behind the last one of its connection. */
  precedes(now: number): boolean {
    if (!this.#isLeaving) return false;
    this.#isLeaving = false;
    this.#waryUntil = now + waryMs;
    return true;
  }
}
