import type { ProxyLimits } from '../proxy-limits.js';

export type EjectionLimits = Pick<
  ProxyLimits,
  'ejectAfterFailures' | 'ejectForMs' | 'maxEjectForMs'
>;

/**
 * What its requests tell of one endpoint. Failures in a row eject it, for twice as long as the last time
 * unless it then held out as long as it had been away. Back in rotation, its next failure ejects it again.
 */
export class EndpointHealth {
  readonly #limits: EjectionLimits;
  #failures = 0;
  #lastFailureAt = Number.NEGATIVE_INFINITY;
  #ejectedUntil = Number.NEGATIVE_INFINITY;
  #lastEjectionMs = 0;
  #isAway = false;

  constructor(limits: EjectionLimits) {
    this.#limits = limits;
  }

  isEjected(now: number): boolean {
    return now < this.#ejectedUntil;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Whether it has been good, or unused, for so long that nothing of it need be kept. */
  isForgettable(now: number): boolean {
    return !this.#isAway && now > this.#lastFailureAt + this.#limits.maxEjectForMs;
  }

  succeeded(now: number): void {
    // What was sent before the ejection, or in panic, is answered late: it does not end it.
    if (!this.isEjected(now)) this.#failures = 0;
  }

  /** @returns for how long it is ejected by this failure; `undefined` if it is not. */
  failed(now: number): number | undefined {
    const { ejectAfterFailures, ejectForMs, maxEjectForMs } = this.#limits;
    if (this.isEjected(now)) return undefined;
    this.#lastFailureAt = now;
    if (++this.#failures < ejectAfterFailures) return undefined;
    const heldOut = now - this.#ejectedUntil >= this.#lastEjectionMs;
    const ejectionMs = heldOut ? ejectForMs : Math.min(2 * this.#lastEjectionMs, maxEjectForMs);
    this.#lastEjectionMs = ejectionMs;
    this.#ejectedUntil = now + ejectionMs;
    this.#isAway = true;
    return ejectionMs;
  }

  /** Whether it is back since the last time this was asked. */
  hasReturned(now: number): boolean {
    if (!this.#isAway || this.isEjected(now)) return false;
    this.#isAway = false;
    return true;
  }
}
