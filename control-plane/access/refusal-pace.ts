import type { Clock } from '../ports/clock.js';

export interface RefusalPaceOptions {
  /** Refusals that are answered each second, once they come in a flood. Default 20. */
  readonly perSecond?: number;
  /** Refusals that are answered at once after a pause. Default 100. */
  readonly burst?: number;
  /** The longest that one waits. Default 10 seconds. */
  readonly longestMs?: number;
}

/**
 * Spreads refusals over time. A caller who is refused at once comes back at once, and each refusal takes
 * the processor from those who are served; one who is answered late holds a connection meanwhile, and of
 * those there are only so many.
 */
export class RefusalPace {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #burstMs: number;
  readonly #longestMs: number;
  /** When the refusals so far are answered, had there been no burst. */
  #bookedUntil = 0;

  constructor(
    clock: Clock,
    { perSecond = 20, burst = 100, longestMs = 10_000 }: RefusalPaceOptions = {},
  ) {
    this.#clock = clock;
    this.#intervalMs = 1_000 / perSecond;
    this.#burstMs = burst * this.#intervalMs;
    this.#longestMs = longestMs;
  }

  /** @returns milliseconds until one more refusal is to be answered. */
  next(): number {
    const now = this.#clock();
    const booked = Math.max(this.#bookedUntil, now - this.#burstMs) + this.#intervalMs;
    this.#bookedUntil = Math.min(booked, now + this.#longestMs);
    return Math.max(0, this.#bookedUntil - now);
  }
}
