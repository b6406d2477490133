import type { HttpResponse } from 'uWebSockets.js';

/** The engine's cork buffer, one per thread. */
const corkBytes = 16 * 1024;

/** Joins the writes of one response into one, and knows how much of the engine's buffer they have left. */
export class Cork {
  readonly #res: HttpResponse;
  isHeld = false;
  /** Bytes that the buffer still takes before the engine writes past it. */
  room = 0;

  #released: (() => void)[] | undefined;

  constructor(res: HttpResponse) {
    this.#res = res;
  }

  /** Must not be called while it is held. */
  hold(writes: () => void): void {
    this.isHeld = true;
    this.room = corkBytes;
    try {
      this.#res.cork(writes);
    } finally {
      this.isHeld = false;
    }
  }

  /** What must not happen while it is held; `runReleased` does it. */
  onceReleased(task: () => void): void {
    this.#released ??= [];
    this.#released.push(task);
  }

  runReleased(): void {
    const tasks = this.#released;
    if (tasks === undefined) return;
    this.#released = undefined;
    for (const task of tasks) task();
  }
}
