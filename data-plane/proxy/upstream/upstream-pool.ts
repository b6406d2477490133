import type { SecureContext } from 'node:tls';
import type { Endpoint, UpstreamTarget } from '../../routing/upstream-target.js';
import { kindOfSocketError, type ProxyErrorKind } from '../proxy-error.js';
import type { ProxyLimits } from '../proxy-limits.js';
import type { AddressBook } from './address-book.js';
import {
  type ConnectionFailure,
  type ConnectionOwner,
  UpstreamConnection,
} from './upstream-connection.js';

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

/** A connection on its way: which addresses are left to try, and until when. */
interface Attempt {
  readonly addresses: readonly string[];
  next: number;
  connection: UpstreamConnection | undefined;
  deadline: number;
  lastFailure: ConnectionFailure | undefined;
}

/**
 * The connections of one endpoint: bounded, the most recently used first. A new connection tries the
 * endpoint's addresses one after the other; whoever has waited longest gets what becomes free.
 */
export class UpstreamPool implements ConnectionOwner, ConnectionSource {
  readonly #options: PoolOptions;
  readonly #idle: UpstreamConnection[] = [];
  readonly #waiting: ConnectionSeeker[] = [];
  readonly #attempts = new Set<Attempt>();
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
    const connecting = this.#attempts.size - this.#resolving();
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
    for (const attempt of this.#attempts) {
      if (attempt.deadline >= now) continue;
      const detail = 'no connection in time';
      if (attempt.connection !== undefined) {
        attempt.connection.destroy({ kind: 'connection_timeout', detail });
      } else {
        attempt.lastFailure = { kind: 'dns_timeout', detail };
        this.#abandon(attempt, 'dns_timeout');
      }
    }
  }

  /** Closes every unused connection and makes the rest close after use. */
  close(): void {
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }

  connected(connection: UpstreamConnection): void {
    const attempt = this.#attemptOf(connection);
    if (attempt !== undefined) this.#attempts.delete(attempt);
    this.#options.addresses.succeeded(connection.address);
    const seeker = this.#waiting.shift();
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
      attempt.connection = undefined;
      attempt.lastFailure = failure;
      this.#options.addresses.failed(connection.address);
      this.#tryNext(attempt);
    } else if (index === -1 && failure !== undefined && !isStale(connection, failure)) {
      this.#options.onOutcome?.(failure);
    }
    this.#connectIfNeeded();
  }

  #attemptOf(connection: UpstreamConnection): Attempt | undefined {
    for (const attempt of this.#attempts) if (attempt.connection === connection) return attempt;
    return undefined;
  }

  #keep(connection: UpstreamConnection): void {
    const { limits, now, addresses, endpoint } = this.#options;
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
    connection.expiresAt = now() + keepMs;
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
    for (const attempt of this.#attempts) if (attempt.connection === undefined) resolving++;
    return resolving;
  }

  #connect(): void {
    const { endpoint, addresses } = this.#options;
    const known = addresses.known(endpoint.host);
    if (known !== undefined) {
      this.#start(known);
      return;
    }
    const attempt = this.#newAttempt([]);
    addresses.resolve(endpoint.host).then(
      (resolved) => {
        if (!this.#attempts.delete(attempt)) return;
        this.#start(resolved);
      },
      (error: NodeJS.ErrnoException) => {
        attempt.lastFailure = {
          kind: kindOfSocketError(error.code ?? 'ENOTFOUND', true),
          detail: error.code ?? 'resolution failed',
        };
        this.#abandon(attempt, 'dns_error');
      },
    );
  }

  #start(addresses: readonly string[]): void {
    this.#tryNext(this.#newAttempt(addresses));
  }

  #newAttempt(addresses: readonly string[]): Attempt {
    const deadline = this.#options.now() + this.#options.limits.connectTimeoutMs;
    const attempt = { addresses, next: 0, connection: undefined, deadline, lastFailure: undefined };
    this.#attempts.add(attempt);
    return attempt;
  }

  #tryNext(attempt: Attempt): void {
    const { target, endpoint, secureContext, verifyCertificate, limits, now } = this.#options;
    const address = attempt.addresses[attempt.next++];
    if (address === undefined || this.#waiting.length === 0) {
      this.#abandon(attempt, 'destination_unavailable');
      return;
    }
    attempt.deadline = now() + limits.connectTimeoutMs;
    this.#connections++;
    attempt.connection = new UpstreamConnection({
      target,
      address,
      port: endpoint.port,
      secureContext,
      verifyCertificate,
      maxResponseHeadBytes: limits.maxResponseHeadBytes,
      owner: this,
    });
  }

  /** No address answered: the request that has waited longest is told. */
  #abandon(attempt: Attempt, kind: ProxyErrorKind): void {
    if (!this.#attempts.delete(attempt)) return;
    const failure = attempt.lastFailure ?? { kind, detail: 'no address left to try' };
    if (attempt.lastFailure !== undefined) this.#options.onOutcome?.(failure);
    this.#waiting.shift()?.unconnected(failure);
  }
}

/** The upstream closed a kept connection while a request was on its way: no fault of anybody. */
function isStale({ exchanges }: UpstreamConnection, { kind }: ConnectionFailure): boolean {
  return exchanges > 0 && kind === 'connection_terminated';
}
