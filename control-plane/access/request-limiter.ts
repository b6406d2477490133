import { LRUCache } from 'lru-cache';
import type { Clock } from '../ports/clock.js';

export interface RequestLimits {
  /** Requests a second that one caller may keep up. Default 2,000: an import's pace. */
  readonly perSecond?: number;
  /** Requests that one caller may send at once after a pause. Default 4,000. */
  readonly burst?: number;
  /**
   * As how many requests one counts whose content was refused. Default 20: good ones may come at 2,000
   * a second, bad ones, which cost the most to read, at 100.
   */
  readonly badRequestCost?: number;
  /** For how many bytes of a refused body one more counts. Default 512: one of a megabyte takes a second. */
  readonly badBytesPerRequest?: number;
  /** Requests of one caller under way at a time, open event streams included. Default 512. */
  readonly concurrentPerCaller?: number;
  /** Requests under way at a time, of all callers. Default 1,024. */
  readonly concurrent?: number;
  /** Bytes of all bodies under way, as announced. Default 128 MiB. */
  readonly bodyBytes?: number;
}

/** What a body of unknown length may come to: the admin API reads no more of one. */
export const maxBodyBytes = 10 * 1024 * 1024;

/** What many requests under way at once may come to, all of them bad. */
const longestDebtSeconds = 10;

/** Enough for an operator, scripts and importers; a flood of callers makes the oldest start afresh. */
const maxCallers = 10_000;

export type Admission =
  | { readonly admitted: true; readonly release: () => void }
  | { readonly admitted: false; readonly retryAfterMs: number; readonly limit: string };

interface Caller {
  tokens: number;
  refilledAt: number;
  underWay: number;
}

/** A token bucket and a count of open requests for each caller: one of them cannot starve the others. */
export class RequestLimiter {
  readonly #callers = new LRUCache<string, Caller>({ max: maxCallers });
  readonly #clock: Clock;
  readonly #limits: Required<RequestLimits>;
  #underWay = 0;
  #bytesUnderWay = 0;

  constructor(clock: Clock, limits: RequestLimits = {}) {
    this.#clock = clock;
    this.#limits = {
      perSecond: limits.perSecond ?? 2_000,
      burst: limits.burst ?? 4_000,
      badRequestCost: limits.badRequestCost ?? 20,
      badBytesPerRequest: limits.badBytesPerRequest ?? 512,
      concurrentPerCaller: limits.concurrentPerCaller ?? 512,
      concurrent: limits.concurrent ?? 1_024,
      bodyBytes: limits.bodyBytes ?? 128 * 1024 * 1024,
    };
  }

  /**
   * Whether one more request of `name` may begin; `release` is called once it is over.
   * @param announcedBytes of its body, `undefined` if it does not say
   */
  admit(name: string, announcedBytes: number | undefined): Admission {
    const { perSecond, concurrentPerCaller, concurrent, bodyBytes } = this.#limits;
    // More than that is refused by whoever reads the body, without reading it.
    const bytes = Math.min(announcedBytes ?? maxBodyBytes, maxBodyBytes);
    const caller = this.#refilled(name);

    if (caller.underWay >= concurrentPerCaller || this.#underWay >= concurrent) {
      const limit = `${caller.underWay >= concurrentPerCaller ? concurrentPerCaller : concurrent} requests at a time`;
      return { admitted: false, retryAfterMs: 1_000, limit };
    }
    if (this.#bytesUnderWay > 0 && this.#bytesUnderWay + bytes > bodyBytes) {
      const limit = `${bodyBytes} bytes of request bodies at a time`;
      return { admitted: false, retryAfterMs: 1_000, limit };
    }
    if (caller.tokens < 1) {
      const retryAfterMs = Math.ceil(((1 - caller.tokens) * 1_000) / perSecond);
      return { admitted: false, retryAfterMs, limit: `${perSecond} requests a second` };
    }
    caller.tokens -= 1;
    caller.underWay += 1;
    this.#underWay += 1;
    this.#bytesUnderWay += bytes;
    let released = false;
    const release = () => {
      if (released) return;
      released = true;
      caller.underWay -= 1;
      this.#underWay -= 1;
      this.#bytesUnderWay -= bytes;
    };
    return { admitted: true, release };
  }

  /**
   * The rest of the price of a request of `name` whose content was refused; debts are bounded.
   * @param bytes of its body
   * @param entries that were refused, where it has several
   */
  chargeBadRequest(name: string, bytes: number, entries = 1): void {
    const { perSecond, badRequestCost, badBytesPerRequest } = this.#limits;
    const caller = this.#refilled(name);
    const price = entries * badRequestCost - 1 + Math.min(bytes, maxBodyBytes) / badBytesPerRequest;
    caller.tokens = Math.max(-perSecond * longestDebtSeconds, caller.tokens - price);
  }

  #refilled(name: string): Caller {
    const { perSecond, burst } = this.#limits;
    const now = this.#clock();
    const caller = this.#callers.get(name) ?? { tokens: burst, refilledAt: now, underWay: 0 };
    this.#callers.set(name, caller);
    const elapsedMs = Math.max(0, now - caller.refilledAt);
    caller.tokens = Math.min(burst, caller.tokens + (elapsedMs * perSecond) / 1_000);
    caller.refilledAt = now;
    return caller;
  }
}
