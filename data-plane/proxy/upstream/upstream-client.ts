import { createSecureContext, type SecureContext } from 'node:tls';
import { LRUCache } from 'lru-cache';
import type { Endpoint, UpstreamTarget } from '../../routing/upstream-target.js';
import type { ProxyLimits } from '../proxy-limits.js';
import { AddressBook, type ResolveName } from './address-book.js';
import { BalancedPool } from './balanced-pool.js';
import { systemRoots } from './system-roots.js';
import { type ConnectionSource, type PoolOptions, UpstreamPool } from './upstream-pool.js';

export interface UpstreamClientOptions {
  readonly limits: ProxyLimits;
  /** Milliseconds, never going back. */
  readonly now: () => number;
  readonly observer: UpstreamObserver;
  readonly tls?: UpstreamTls;
  readonly resolve?: ResolveName;
}

/** Told when an endpoint of an upstream with several leaves the rotation and when it is back. */
export interface UpstreamObserver {
  ejected(upstream: string, endpoint: Endpoint, failures: number, forMs: number): void;
  returned(upstream: string, endpoint: Endpoint): void;
}

/** How https upstreams are verified, where their API says nothing else. */
export interface UpstreamTls {
  /** Whether a certificate must be valid and name the upstream. */
  readonly verify: boolean;
  /** PEM; default: the system's roots. */
  readonly ca?: string;
}

/** Contexts of APIs with roots of their own; one holds 10 to 100 KB. */
const maxContexts = 200;

/**
 * HTTP/1.1 connections to upstreams over bare sockets, one pool per endpoint. Made for a proxy: bytes
 * are read into one buffer per thread, parsed strictly and handed on in the same call.
 */
export class UpstreamClient {
  readonly #options: UpstreamClientOptions;
  readonly #addresses: AddressBook;
  readonly #pools = new Map<string, UpstreamPool | BalancedPool>();
  readonly #contexts = new LRUCache<string, SecureContext>({ max: maxContexts });
  #defaultContext: SecureContext | undefined;

  constructor(options: UpstreamClientOptions) {
    this.#options = options;
    const { limits, now, resolve } = options;
    this.#addresses = new AddressBook({
      now,
      ejectAfterFailures: limits.ejectAfterFailures,
      ejectForMs: limits.ejectForMs,
      ...(resolve === undefined ? {} : { resolve }),
    });
  }

  /** @throws if the roots can't be read. */
  poolFor(target: UpstreamTarget): ConnectionSource {
    const known = this.#pools.get(target.pool);
    if (known !== undefined) return known;
    const pool = this.#openPool(target);
    this.#pools.set(target.pool, pool);
    return pool;
  }

  /** To be called about once a second: bounds of idle connections and of connecting. */
  expire(now: number): void {
    for (const [name, pool] of this.#pools) {
      pool.expire(now);
      if (pool.isEmpty) this.#pools.delete(name);
    }
  }

  /** Closes what is unused. Exchanges under way go on. */
  close(): void {
    for (const pool of this.#pools.values()) pool.close();
  }

  #openPool(target: UpstreamTarget): UpstreamPool | BalancedPool {
    const { limits, now, observer, tls } = this.#options;
    const common = {
      target,
      addresses: this.#addresses,
      secureContext: target.secure ? this.#contextFor(target.ca) : undefined,
      verifyCertificate: target.verify ?? tls?.verify ?? true,
      limits,
      now,
    } satisfies Partial<PoolOptions>;
    const [endpoint, ...others] = target.endpoints;
    if (endpoint === undefined) throw new Error(`${target.origin} has no endpoint`);
    if (others.length === 0) return new UpstreamPool({ ...common, endpoint });
    return new BalancedPool({
      endpoints: target.endpoints,
      limits,
      now,
      observer: {
        ejected: (...what) => observer.ejected(target.origin, ...what),
        returned: (back) => observer.returned(target.origin, back),
      },
      openPool: (each, onOutcome) => new UpstreamPool({ ...common, endpoint: each, onOutcome }),
    });
  }

  /** Parsing the system's roots takes 17 ms, so it is done once, and only where an upstream needs them. */
  #contextFor(ca: string | undefined): SecureContext {
    if (ca === undefined) {
      this.#defaultContext ??= createSecureContext({ ca: this.#options.tls?.ca ?? systemRoots() });
      return this.#defaultContext;
    }
    const known = this.#contexts.get(ca) ?? createSecureContext({ ca });
    this.#contexts.set(ca, known);
    return known;
  }
}
