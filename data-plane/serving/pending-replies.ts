/** Matches replies from another thread or process to requests, by a number. */
export class PendingReplies<Reply> {
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  readonly #ifGone: Reply;
  #lastId = 0;
  #isGone = false;

  /** @param ifGone the answer to everything that the other side leaves unanswered at its end. */
  constructor(ifGone: Reply) {
    this.#ifGone = ifGone;
  }

  request(send: (id: number) => void): Promise<Reply> {
    if (this.#isGone) return Promise.resolve(this.#ifGone);
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      send(id);
    });
  }

  settle(id: number, reply: Reply): void {
    this.#waiting.get(id)?.(reply);
    this.#waiting.delete(id);
  }

  /** The other side has ended. */
  gone(): void {
    this.#isGone = true;
    for (const resolve of this.#waiting.values()) resolve(this.#ifGone);
    this.#waiting.clear();
  }
}
