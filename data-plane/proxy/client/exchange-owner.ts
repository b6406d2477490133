import type { us_socket_context_t } from 'uWebSockets.js';
import type { ProxyError } from '../proxy-error.js';
import type { ProxyLimits } from '../proxy-limits.js';
import type { RelayData } from '../web-socket/web-socket-relay.js';
import type { EngineTurn } from './engine-turn.js';
import type { ExchangeTicker } from './exchange-ticker.js';

/** Whoever a client's exchange belongs to. */
export interface ExchangeOwner {
  /** The client is gone or was cut; the exchange must not be used any more. Once, never after `finish`. */
  aborted(error: ProxyError): void;
  /** The client takes more after a `write` that returned false. */
  writable(): void;
}

export interface ClientBodyReceiver {
  /** A piece of the request's body, overwritten afterwards. `last` comes once, perhaps with an empty piece. */
  body(piece: Buffer, last: boolean): void;
}

/** What the exchanges of one thread share. */
export interface ExchangeContext {
  readonly turn: EngineTurn;
  readonly ticker: ExchangeTicker;
  readonly limits: ProxyLimits;
  readonly now: () => number;
}

export interface ClientUpgrade {
  readonly key: string;
  /** Empty for none. */
  readonly protocol: string;
  readonly context: us_socket_context_t;
  readonly data: RelayData;
}
