import { pastStats, type ServingStats } from './serving-stats.js';

/** How long whoever asks is kept for an answer, before it gets the last one. */
const patienceMs = 500;
/** A process that has not answered for so long does not serve either, whatever it said before. */
const silentMs = 5_000;

/**
 * What one serving process says of itself. It is asked one question at a time, and one that hangs keeps
 * nobody from hearing of the others.
 */
export class HeardStats {
  readonly #ask: () => Promise<ServingStats | undefined>;
  #question: Promise<void> | undefined;
  #askedAt = 0;
  #last: ServingStats | undefined;

  /** @param ask never rejects; `undefined` if the process has ended. */
  constructor(ask: () => Promise<ServingStats | undefined>) {
    this.#ask = ask;
  }

  /**
   * The process's answer, or its last one if it takes its time. In the end what it serves counts as nothing,
   * and only what it had counted up stays. `undefined` if it never answered, or has ended.
   */
  async read(): Promise<ServingStats | undefined> {
    this.#question ??= this.#put();
    await settledWithin(patienceMs, this.#question);
    const isSilent = this.#question !== undefined && performance.now() - this.#askedAt > silentMs;
    return isSilent && this.#last ? pastStats(this.#last) : this.#last;
  }

  async #put(): Promise<void> {
    this.#askedAt = performance.now();
    this.#last = await this.#ask();
    this.#question = undefined;
  }
}

function settledWithin(ms: number, question: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    void question.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
