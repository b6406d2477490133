import { createSecureContext, type SecureContext } from 'node:tls';
import type { UpstreamTarget } from '../../routing/upstream-target.js';
import type { ProxyLimits } from '../proxy-limits.js';
import { AddressBook, type ResolveName } from './address-book.js';
import { type ConnectionSeeker, UpstreamPool } from './upstream-pool.js';

export interface UpstreamClientOptions {
  readonly limits: ProxyLimits;
  /** Milliseconds, never going back. */
  readonly now: () => number;
  readonly tls?: UpstreamTls;
  readonly resolve?: ResolveName;
}

/** How https upstreams are verified. */
export interface UpstreamTls {
  /** Whether a certificate must be valid and name the upstream. */
  readonly verify: boolean;
  /** PEM; replaces the system's roots. */
  readonly ca?: string;
}

/**
 * HTTP/1.1 connections to upstreams over bare sockets, one pool per origin. Made for a proxy: bytes
 * are read into one buffer per thread, parsed strictly and handed on in the same call.
 */
export class UpstreamClient {
  readonly #options: UpstreamClientOptions;
  readonly #addresses: AddressBook;
  readonly #pools = new Map<string, UpstreamPool>();
  readonly #secureContext: SecureContext;

  constructor(options: UpstreamClientOptions) {
    this.#options = options;
    const { limits, now, resolve, tls } = options;
    this.#addresses = new AddressBook({
      now,
      ejectAfterFailures: limits.ejectAfterFailures,
      ejectForMs: limits.ejectForMs,
      ...(resolve === undefined ? {} : { resolve }),
    });
    this.#secureContext = createSecureContext(tls?.ca === undefined ? {} : { ca: tls.ca });
  }

  poolFor(target: UpstreamTarget): UpstreamPool {
    const known = this.#pools.get(target.origin);
    if (known !== undefined) return known;
    const pool = new UpstreamPool({
      target,
      addresses: this.#addresses,
      secureContext: this.#secureContext,
      verifyCertificate: this.#options.tls?.verify ?? true,
      limits: this.#options.limits,
      now: this.#options.now,
    });
    this.#pools.set(target.origin, pool);
    return pool;
  }

  acquire(target: UpstreamTarget, seeker: ConnectionSeeker, fresh: boolean): UpstreamPool {
    const pool = this.poolFor(target);
    pool.acquire(seeker, fresh);
    return pool;
  }

  /** To be called about once a second: bounds of idle connections and of connecting. */
  expire(now: number): void {
    for (const [origin, pool] of this.#pools) {
      pool.expire(now);
      if (pool.isEmpty) this.#pools.delete(origin);
    }
  }

  /** Closes what is unused. Exchanges under way go on. */
  close(): void {
    for (const pool of this.#pools.values()) pool.close();
  }
}
