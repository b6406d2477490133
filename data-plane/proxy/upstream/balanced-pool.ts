import type { Endpoint } from '../../routing/upstream-target.js';
import type { ProxyLimits } from '../proxy-limits.js';
import { EndpointHealth } from './endpoint-health.js';
import type { UpstreamConnection } from './upstream-connection.js';
import type { ConnectionSeeker, ConnectionSource, UpstreamPool } from './upstream-pool.js';
import type { ConnectionFailure } from './upstream-receiver.js';

/** Told when an endpoint leaves the rotation and when it is back. */
export interface EjectionObserver {
  ejected(endpoint: Endpoint, failures: number, forMs: number): void;
  returned(endpoint: Endpoint): void;
}

export interface BalancedPoolOptions {
  readonly endpoints: readonly Endpoint[];
  readonly limits: ProxyLimits;
  readonly now: () => number;
  readonly observer: EjectionObserver;
  readonly openPool: (
    endpoint: Endpoint,
    onOutcome: (outcome: number | ConnectionFailure) => void,
  ) => UpstreamPool;
}

interface Member {
  readonly endpoint: Endpoint;
  readonly pool: UpstreamPool;
  readonly health: EndpointHealth;
  /** Turns that it is owed by those that went before it. */
  credit: number;
}

/** A request tries this many endpoints: each may cost a whole connect timeout. */
const maxTries = 3;

/**
 * The connections of an upstream with several endpoints. Each request goes to the one with the fewest
 * requests for its weight, among equals in turns by weight; if that can't be reached, to the next.
 *
 * Endpoints that keep failing are ejected for a while. If too few are left, all are used again: when
 * everything fails, it is rather the network or the requests, and the last ones would not survive the
 * load of all.
 */
export class BalancedPool implements ConnectionSource {
  readonly #options: BalancedPoolOptions;
  readonly #members: readonly Member[];
  readonly #searches = new Map<ConnectionSeeker, Search>();

  constructor(options: BalancedPoolOptions) {
    this.#options = options;
    this.#members = options.endpoints.map((endpoint) => {
      const health = new EndpointHealth(options.limits);
      const pool = options.openPool(endpoint, (outcome) => {
        this.#learn(endpoint, health, outcome);
      });
      return { endpoint, pool, health, credit: 0 };
    });
  }

  /** Whether it holds nothing and can be forgotten. */
  get isEmpty(): boolean {
    const now = this.#options.now();
    return this.#members.every(({ pool, health }) => pool.isEmpty && health.isForgettable(now));
  }

  acquire(seeker: ConnectionSeeker, fresh: boolean): void {
    const search = new Search(seeker, {
      choose: (tried) => (tried.length < maxTries ? this.#choose(tried) : undefined),
      ended: () => this.#searches.delete(seeker),
    });
    this.#searches.set(seeker, search);
    search.next(fresh);
  }

  cancel(seeker: ConnectionSeeker): void {
    const search = this.#searches.get(seeker);
    this.#searches.delete(seeker);
    search?.cancel();
  }

  isQueued(seeker: ConnectionSeeker): boolean {
    return this.#searches.get(seeker)?.isQueued ?? false;
  }

  expire(now: number): void {
    for (const { endpoint, pool, health } of this.#members) {
      pool.expire(now);
      if (health.hasReturned(now)) this.#options.observer.returned(endpoint);
    }
  }

  close(): void {
    for (const { pool } of this.#members) pool.close();
  }

  /** nginx's least_conn: the lowest load for its weight; those that share it take smooth turns. */
  #choose(tried: readonly UpstreamPool[]): UpstreamPool | undefined {
    let lowest = Number.POSITIVE_INFINITY;
    let equals: Member[] = [];
    for (const member of this.#available()) {
      if (tried.includes(member.pool)) continue;
      const load = member.pool.load / member.endpoint.weight;
      if (load > lowest) continue;
      if (load < lowest) equals = [];
      lowest = load;
      equals.push(member);
    }
    let next: Member | undefined;
    let weights = 0;
    for (const member of equals) {
      weights += member.endpoint.weight;
      member.credit += member.endpoint.weight;
      if (next === undefined || member.credit > next.credit) next = member;
    }
    if (next !== undefined) next.credit -= weights;
    return next?.pool;
  }

  #available(): readonly Member[] {
    const { limits, now } = this.#options;
    const at = now();
    const healthy = this.#members.filter(({ health }) => !health.isEjected(at));
    const share = (100 * healthy.length) / this.#members.length;
    return share === 0 || share < limits.panicBelowPercent ? this.#members : healthy;
  }

  #learn(endpoint: Endpoint, health: EndpointHealth, outcome: number | ConnectionFailure): void {
    const { limits, now, observer } = this.#options;
    const at = now();
    // Each ejection is told together with its end, also where the next one follows at once.
    if (health.hasReturned(at)) observer.returned(endpoint);
    if (typeof outcome === 'number' && !limits.failureStatuses.includes(outcome)) {
      health.succeeded(at);
      return;
    }
    const forMs = health.failed(at);
    if (forMs !== undefined) observer.ejected(endpoint, health.failures, forMs);
  }
}

interface SearchOwner {
  /** The pool to try next; `undefined` if there is none left. */
  choose(tried: readonly UpstreamPool[]): UpstreamPool | undefined;
  ended(): void;
}

/** One request on its way to an endpoint that can be reached. Nothing of it was sent until then. */
class Search implements ConnectionSeeker {
  readonly #seeker: ConnectionSeeker;
  readonly #owner: SearchOwner;
  readonly #tried: UpstreamPool[] = [];

  constructor(seeker: ConnectionSeeker, owner: SearchOwner) {
    this.#seeker = seeker;
    this.#owner = owner;
  }

  get isQueued(): boolean {
    return this.#tried.at(-1)?.isQueued(this) ?? false;
  }

  next(fresh: boolean): void {
    this.#tryNext(fresh, { kind: 'destination_unavailable', detail: 'no endpoint to try' });
  }

  cancel(): void {
    this.#tried.at(-1)?.cancel(this);
  }

  connected(connection: UpstreamConnection, reused: boolean): void {
    this.#owner.ended();
    this.#seeker.connected(connection, reused);
  }

  unconnected(failure: ConnectionFailure): void {
    this.#tryNext(false, failure);
  }

  #tryNext(fresh: boolean, failure: ConnectionFailure): void {
    const pool = this.#owner.choose(this.#tried);
    if (pool === undefined) {
      this.#owner.ended();
      this.#seeker.unconnected(failure);
      return;
    }
    this.#tried.push(pool);
    pool.acquire(this, fresh);
  }
}
