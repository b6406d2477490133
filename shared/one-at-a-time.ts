/** Runs asynchronous work in the order in which it was asked for, each after the one before has ended. */
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();

  /** @returns what `work` comes to. A failure is for whoever asked alone: what follows runs all the same. */
  run<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(work);
    // Not swallowed: `turn` still rejects for its caller.
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Resolves once all that was asked for so far has ended, well or not. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
