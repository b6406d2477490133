import type { ProxyLimits } from '../proxy-limits.js';
import type { UpstreamConnection } from './upstream-connection.js';
import type { ConnectionFailure } from './upstream-receiver.js';

/** The pool that an attempt is made for. */
export interface AttemptOwner {
  /** Whether anybody still waits for a connection. */
  isWanted(): boolean;
  /** Whether one more connection is within the bound. */
  hasRoom(): boolean;
  open(address: string): UpstreamConnection;
  /** An address was tried in vain, or did not answer until a later one had. */
  addressFailed(address: string): void;
  /** No address is left to try. @param failure the last one's; `undefined` if none was tried. */
  attemptFailed(attempt: ConnectionAttempt, failure: ConnectionFailure | undefined): void;
}

export interface AttemptOptions {
  readonly limits: Pick<ProxyLimits, 'connectTimeoutMs' | 'nextAddressAfterMs'>;
  readonly now: () => number;
}

/**
 * A connection on its way. Addresses are raced (RFC 8305 §5): one that fails, or has not answered for a
 * while, is joined by the next, and the first that connects ends the others.
 */
export class ConnectionAttempt {
  readonly #owner: AttemptOwner;
  readonly #options: AttemptOptions;
  readonly #connections = new Set<UpstreamConnection>();
  #addresses: readonly string[] = [];
  #next = 0;
  #timer: NodeJS.Timeout | undefined;
  #deadline: number;
  #lastFailure: ConnectionFailure | undefined;

  constructor(owner: AttemptOwner, options: AttemptOptions) {
    this.#owner = owner;
    this.#options = options;
    this.#deadline = options.now() + options.limits.connectTimeoutMs;
  }

  /** Connections that it has open; none while the name is being resolved. */
  get connecting(): number {
    return this.#connections.size;
  }

  /** @param addresses best first. */
  race(addresses: readonly string[]): void {
    this.#addresses = addresses;
    this.#tryNext();
  }

  has(connection: UpstreamConnection): boolean {
    return this.#connections.has(connection);
  }

  /** One of its connections is gone. */
  closed(connection: UpstreamConnection, failure: ConnectionFailure | undefined): void {
    this.#connections.delete(connection);
    this.#lastFailure = failure;
    this.#owner.addressFailed(connection.address);
    this.#tryNext();
  }

  /** One of its connections is made: the attempt is over. */
  won(first: UpstreamConnection): void {
    clearTimeout(this.#timer);
    let isAhead = true;
    for (const connection of this.#connections) {
      if (connection === first) {
        isAhead = false;
        continue;
      }
      if (isAhead) this.#owner.addressFailed(connection.address);
      connection.destroy();
    }
  }

  expire(now: number): void {
    if (this.#deadline >= now) return;
    const detail = 'no connection in time';
    if (this.#connections.size === 0) {
      this.#owner.attemptFailed(this, { kind: 'dns_timeout', detail });
    }
    for (const connection of [...this.#connections]) {
      connection.destroy({ kind: 'connection_timeout', detail });
    }
  }

  #tryNext(): void {
    clearTimeout(this.#timer);
    const { limits, now } = this.#options;
    const address = this.#owner.isWanted() ? this.#addresses[this.#next++] : undefined;
    if (address === undefined) {
      if (this.#connections.size === 0) this.#owner.attemptFailed(this, this.#lastFailure);
      return;
    }
    this.#deadline = now() + limits.connectTimeoutMs;
    this.#connections.add(this.#owner.open(address));
    this.#raceLater();
  }

  #raceLater(): void {
    if (this.#next === this.#addresses.length) return;
    this.#timer = setTimeout(() => {
      // Whoever asks next is given this attempt too: it goes on as soon as it may.
      if (this.#owner.isWanted() && this.#owner.hasRoom()) this.#tryNext();
      else this.#raceLater();
    }, this.#options.limits.nextAddressAfterMs);
  }
}
