/** Wakes everyone who waits for the next of something. Take `next()` first, then look, then await it. */
export class Wakeup {
  #wake: () => void = () => undefined;
  #next = this.#arm();

  next(): Promise<void> {
    return this.#next;
  }

  notify(): void {
    const wake = this.#wake;
    this.#next = this.#arm();
    wake();
  }

  #arm(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
