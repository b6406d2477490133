/** Knows where it is kept; -1 where it is not. */
export interface Slotted {
  slot: number;
  checkDeadline(now: number): void;
}

/** The forwardings under way in one thread. Each knows its place, so none is hashed, as in a set. */
export class ActiveForwardings {
  readonly #items: Slotted[] = [];

  add(item: Slotted): void {
    item.slot = this.#items.length;
    this.#items.push(item);
  }

  /** Does nothing with one that is not kept. */
  delete(item: Slotted): void {
    if (item.slot === -1) return;
    const last = this.#items.pop();
    if (last !== undefined && last !== item) {
      this.#items[item.slot] = last;
      last.slot = item.slot;
    }
    item.slot = -1;
  }

  checkDeadlines(now: number): void {
    // From the end: whoever ends on this occasion is replaced by one that was looked at already.
    for (let slot = this.#items.length - 1; slot >= 0; slot--) {
      this.#items[slot]?.checkDeadline(now);
    }
  }
}
