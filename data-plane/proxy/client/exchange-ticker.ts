/** Something that must look at its timers now and then. */
export interface Ticking {
  rearm(now: number): void;
}

/** The engine's timers fire after 8 s at the earliest, in steps of 4 s. */
const intervalMs = 4_000;

/** One timer per thread for all exchanges that the engine's fixed timers could hit. */
export class ExchangeTicker {
  readonly #exchanges = new Set<Ticking>();
  readonly #timer: NodeJS.Timeout;

  constructor(now: () => number, everyMs: number = intervalMs) {
    this.#timer = setInterval(
      () => {
        const at = now();
        for (const exchange of this.#exchanges) exchange.rearm(at);
      },
      Math.min(everyMs, intervalMs),
    );
    this.#timer.unref();
  }

  add(exchange: Ticking): void {
    this.#exchanges.add(exchange);
  }

  remove(exchange: Ticking): void {
    this.#exchanges.delete(exchange);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
