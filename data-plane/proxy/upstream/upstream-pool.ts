import type { SecureContext } from 'node:tls';
import type { Endpoint, UpstreamTarget } from '../../routing/upstream-target.js';
import { kindOfSocketError } from '../proxy-error.js';
import type { ProxyLimits } from '../proxy-limits.js';
import type { AddressBook } from './address-book.js';
import { type AttemptOwner, ConnectionAttempt } from './connection-attempt.js';
import { type ConnectionOwner, UpstreamConnection } from './upstream-connection.js';
import type { ConnectionFailure } from './upstream-receiver.js';

/** Someone who waits for a connection. Exactly one of the two is called, unless it is cancelled. */
export interface ConnectionSeeker {
  connected(connection: UpstreamConnection, reused: boolean): void;
  unconnected(failure: ConnectionFailure): void;
}

/** Where connections to an upstream are got from. */
export interface ConnectionSource {
  /** @param fresh whether an unused connection won't do, because one just turned out to be stale. */
  acquire(seeker: ConnectionSeeker, fresh: boolean): void;
  cancel(seeker: ConnectionSeeker): void;
  /** Whether it waits for a connection to become free: all are in use, and none is being made for it. */
  isQueued(seeker: ConnectionSeeker): boolean;
}

export interface PoolOptions {
  readonly target: UpstreamTarget;
  readonly endpoint: Endpoint;
  readonly addresses: AddressBook;
  /** For https. */
  readonly secureContext: SecureContext | undefined;
  readonly verifyCertificate: boolean;
  readonly limits: ProxyLimits;
  readonly now: () => number;
  /** What requests tell of the endpoint: the status it answered, or how it failed. */
  readonly onOutcome?: (outcome: number | ConnectionFailure) => void;
}

/**
 * The connections of one endpoint: bounded, the most recently used first; whoever has waited longest
 * gets what becomes free.
 */
export class UpstreamPool implements ConnectionOwner, ConnectionSource, AttemptOwner {
  readonly #options: PoolOptions;
  readonly #idle: UpstreamConnection[] = [];
  readonly #waiting: ConnectionSeeker[] = [];
  readonly #attempts = new Set<ConnectionAttempt>();
  #connections = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Whether it holds nothing and can be forgotten. */
  get isEmpty(): boolean {
    return this.#connections === 0 && this.#attempts.size === 0 && this.#waiting.length === 0;
  }

  /** Requests that use a connection or wait for one. */
  get load(): number {
    let connecting = 0;
    for (const attempt of this.#attempts) connecting += attempt.connecting;
    return this.#connections - connecting - this.#idle.length + this.#waiting.length;
  }

  acquire(seeker: ConnectionSeeker, fresh: boolean): void {
    if (!fresh) {
      const idle = this.#idle.pop();
      if (idle !== undefined) {
        seeker.connected(idle, true);
        return;
      }
    }
    const { limits } = this.#options;
    if (this.#waiting.length >= limits.maxWaitingPerUpstream) {
      seeker.unconnected({ kind: 'connection_limit_reached', detail: 'too many requests wait' });
      return;
    }
    this.#waiting.push(seeker);
    this.#connectIfNeeded();
  }

  cancel(seeker: ConnectionSeeker): void {
    const index = this.#waiting.indexOf(seeker);
    if (index !== -1) this.#waiting.splice(index, 1);
  }

  isQueued(seeker: ConnectionSeeker): boolean {
    // Attempts are for those that have waited longest.
    return this.#waiting.indexOf(seeker) >= this.#attempts.size;
  }

  /**
   * Closes what has been unused for too long and gives up connecting to silent addresses. Asks for the
   * name anew when its time to live is over: a pool whose connections never rest would else stay for
   * ever with addresses that are long somebody else's.
   */
  expire(now: number): void {
    const { addresses, endpoint } = this.#options;
    if (this.#connections > 0) addresses.renew(endpoint.host);
    const isOver = (connection: UpstreamConnection) =>
      connection.expiresAt < now || !addresses.holds(endpoint.host, connection.address);
    for (const connection of this.#idle.filter(isOver)) connection.destroy();
    for (const attempt of this.#attempts) attempt.expire(now);
  }

  /** Closes every unused connection and makes the rest close after use. */
  close(): void {
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }

  connected(connection: UpstreamConnection): void {
    const attempt = this.#attemptOf(connection);
    const seeker = this.#waiting.shift();
    if (attempt !== undefined) {
      this.#attempts.delete(attempt);
      attempt.won(connection);
    }
    this.#options.addresses.succeeded(connection.address);
    if (seeker === undefined) this.#keep(connection);
    else seeker.connected(connection, false);
  }

  answered(status: number): void {
    this.#options.onOutcome?.(status);
  }

  released(connection: UpstreamConnection): void {
    const seeker = this.#waiting.shift();
    if (seeker === undefined) this.#keep(connection);
    else seeker.connected(connection, true);
  }

  closed(connection: UpstreamConnection, failure: ConnectionFailure | undefined): void {
    this.#connections--;
    const index = this.#idle.indexOf(connection);
    if (index !== -1) this.#idle.splice(index, 1);
    const attempt = this.#attemptOf(connection);
    if (attempt !== undefined) {
      attempt.closed(connection, failure);
    } else if (index === -1 && failure !== undefined && !isStale(connection, failure)) {
      this.#options.onOutcome?.(failure);
    }
    this.#connectIfNeeded();
  }

  // --- AttemptOwner ---

  isWanted(): boolean {
    return this.#waiting.length > 0;
  }

  hasRoom(): boolean {
    return this.#connections < this.#options.limits.maxConnectionsPerUpstream;
  }

  open(address: string): UpstreamConnection {
    const { target, endpoint, secureContext, verifyCertificate, limits, now } = this.#options;
    this.#connections++;
    return new UpstreamConnection({
      target,
      address,
      port: endpoint.port,
      secureContext,
      verifyCertificate,
      maxResponseHeadBytes: limits.maxResponseHeadBytes,
      now,
      owner: this,
    });
  }

  addressFailed(address: string): void {
    this.#options.addresses.failed(address);
  }

  /** The request that has waited longest is told. */
  attemptFailed(attempt: ConnectionAttempt, failure: ConnectionFailure | undefined): void {
    if (!this.#attempts.delete(attempt)) return;
    if (failure !== undefined) this.#options.onOutcome?.(failure);
    const nothingTried = { kind: 'destination_unavailable', detail: 'no address to try' } as const;
    this.#waiting.shift()?.unconnected(failure ?? nothingTried);
  }

  #attemptOf(connection: UpstreamConnection): ConnectionAttempt | undefined {
    for (const attempt of this.#attempts) if (attempt.has(connection)) return attempt;
    return undefined;
  }

  #keep(connection: UpstreamConnection): void {
    const { limits, addresses, endpoint } = this.#options;
    const isEnough = this.#idle.length >= limits.maxIdlePerUpstream;
    if (isEnough || !addresses.holds(endpoint.host, connection.address)) {
      connection.destroy();
      return;
    }
    // The upstream's own clock starts earlier than ours: a second less than it says.
    const hint = connection.keepAliveMs === undefined ? undefined : connection.keepAliveMs - 1000;
    const keepMs = Math.min(limits.upstreamKeepAliveMs, hint ?? Number.POSITIVE_INFINITY);
    if (keepMs <= 0) {
      connection.destroy();
      return;
    }
    connection.expiresAt = connection.readAt + keepMs;
    this.#idle.push(connection);
  }

  /** One attempt per waiting request, within the bound. */
  #connectIfNeeded(): void {
    const { limits } = this.#options;
    while (
      this.#attempts.size < this.#waiting.length &&
      this.#connections + this.#resolving() < limits.maxConnectionsPerUpstream
    ) {
      this.#connect();
    }
  }

  #resolving(): number {
    let resolving = 0;
    for (const attempt of this.#attempts) if (attempt.connecting === 0) resolving++;
    return resolving;
  }

  #connect(): void {
    const { endpoint, addresses } = this.#options;
    const attempt = new ConnectionAttempt(this, this.#options);
    this.#attempts.add(attempt);
    const known = addresses.known(endpoint.host);
    if (known !== undefined) {
      attempt.race(known);
      return;
    }
    addresses.resolve(endpoint.host).then(
      (resolved) => {
        if (this.#attempts.has(attempt)) attempt.race(resolved);
      },
      (error: NodeJS.ErrnoException) => {
        const kind = kindOfSocketError(error.code ?? 'ENOTFOUND', true);
        this.attemptFailed(attempt, { kind, detail: error.code ?? 'resolution failed' });
      },
    );
  }
}

/** The upstream closed a kept connection while a request was on its way: no fault of anybody. */
function isStale({ exchanges }: UpstreamConnection, { kind }: ConnectionFailure): boolean {
  return exchanges > 0 && kind === 'connection_terminated';
}
