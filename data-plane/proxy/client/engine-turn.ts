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
 * One per thread. Whoever runs code inside another engine callback (the handshake's) marks it too.
 */
export class EngineTurn {
  #reading = false;
  #deferred: (() => void)[] = [];
  readonly #flush = () => this.#open();

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

  #open(): void {
    this.#reading = false;
    const tasks = this.#deferred;
    this.#deferred = [];
    for (const task of tasks) task();
  }
}
