import { isIPv6 } from 'node:net';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../ports/clock.js';

export interface GuessLimits {
  /** Wrong guesses that cost nothing: a mistyped token is no attack. Default 5. */
  readonly freeGuesses?: number;
  /** First lock-out; each further wrong guess doubles it. Default one second. */
  readonly firstLockMs?: number;
  /** Longest lock-out; after as long without a wrong guess all is forgiven. Default 15 minutes. */
  readonly longestLockMs?: number;
  /** Addresses remembered, the latest ones. Default 10,000: some MB at the most. */
  readonly maxAddresses?: number;
}

interface Guesser {
  readonly wrong: number;
  readonly lockedUntil: number;
}

/**
 * Locks an address out that presents credentials which never existed. Only those count: whoever
 * presents one that expired or was revoked had the secret, and a forgotten script with an old token
 * must not lock out its neighbours.
 *
 * IPv6 addresses count by /64, since one machine has all of it to guess from.
 */
export class GuessLimiter {
  readonly #guessers: LRUCache<string, Guesser>;
  readonly #clock: Clock;
  readonly #limits: Required<GuessLimits>;

  constructor(clock: Clock, limits: GuessLimits = {}) {
    this.#clock = clock;
    this.#limits = {
      freeGuesses: limits.freeGuesses ?? 5,
      firstLockMs: limits.firstLockMs ?? 1_000,
      longestLockMs: limits.longestLockMs ?? 900_000,
      maxAddresses: limits.maxAddresses ?? 10_000,
    };
    this.#guessers = new LRUCache({ max: this.#limits.maxAddresses });
  }

  /** Milliseconds for which no credential is looked at, 0 if none. */
  lockedForMs(address: string): number {
    const guesser = this.#guessers.get(toNetwork(address));
    return guesser === undefined ? 0 : Math.max(0, guesser.lockedUntil - this.#clock());
  }

  wrong(address: string): void {
    const { freeGuesses, firstLockMs, longestLockMs } = this.#limits;
    const network = toNetwork(address);
    const now = this.#clock();
    const known = this.#guessers.get(network);
    const forgiven = known === undefined || now - known.lockedUntil > longestLockMs;
    const wrong = forgiven ? 1 : known.wrong + 1;
    const beyond = wrong - freeGuesses;
    const lockMs = beyond <= 0 ? 0 : Math.min(longestLockMs, firstLockMs * 2 ** (beyond - 1));
    this.#guessers.set(network, { wrong, lockedUntil: now + lockMs });
  }
}

/** The address, or the first 64 bits of an IPv6 one; IPv4 within IPv6 counts as IPv4. */
export function toNetwork(address: string): string {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
