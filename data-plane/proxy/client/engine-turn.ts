/**
 * Keeps writes out of the engine's read callbacks.
 *
 * All TLS connections of a thread share one pair of I/O buffers, so a write to any of them while the
 * engine is reading one can lose or misdirect bytes. That covers the callback itself and every
 * microtask or `nextTick` it leads to (a socket's 'drain' or 'error', for instance), which run before
 * control returns to the engine. Nothing tells such a tick from an independent one, so from a read
 * callback until the next turn of the loop every write that is not known to be safe waits. The price
 * is microseconds; `setImmediate` runs outside the engine.
 *
 * What closes a connection must not run there either, but before the loop polls: the engine frees what was
 * closed when polling is over, just ahead of every `setImmediate`. What one of those closes has had libuv's
 * close callback by the next time, and is then never freed: 464 bytes a connection. That covers the ticks
 * which such a task leads to, too.
 *
 * One per thread. Whoever runs code inside another engine callback (the handshake's) marks it too.
 */
export class EngineTurn {
  #reading = false;
  #isFlushing = false;
  #deferred: (() => void)[] = [];
  #closings: (() => void)[] = [];
  readonly #flush = () => this.#open();
  readonly #flushed = () => {
    this.#isFlushing = false;
  };
  readonly #close = () => this.#runClosings();

  /** To be called first in every read callback of the engine. */
  enterRead(): void {
    if (this.#reading) return;
    this.#reading = true;
    setImmediate(this.#flush);
  }

  /** Runs `task` now if that is safe, else in the next turn. Order is kept. */
  run(task: () => void): void {
    if (this.#reading) this.#deferred.push(task);
    else task();
  }

  /** The same for what may close a connection; where it has to wait, that is a millisecond. */
  runClosing(task: () => void): void {
    if (!this.#reading && !this.#isFlushing) {
      task();
      return;
    }
    if (this.#closings.length === 0) setTimeout(this.#close);
    this.#closings.push(task);
  }

  #open(): void {
    this.#reading = false;
    this.#isFlushing = true;
    const tasks = this.#deferred;
    this.#deferred = [];
    for (const task of tasks) task();
    process.nextTick(this.#flushed);
  }

  #runClosings(): void {
    const tasks = this.#closings;
    this.#closings = [];
    for (const task of tasks) task();
  }
}
