import type { EngineTurn } from '../client/engine-turn.js';
import type { ProxyLimits } from '../proxy-limits.js';
import type { UpstreamConnection } from '../upstream/upstream-connection.js';
import { WebSocketRelay } from './web-socket-relay.js';

/** The open WebSockets of one worker thread. */
export class WebSocketRelays {
  readonly #limits: ProxyLimits;
  readonly #turn: EngineTurn;
  readonly #open = new Set<WebSocketRelay>();

  constructor(limits: ProxyLimits, turn: EngineTurn) {
    this.#limits = limits;
    this.#turn = turn;
  }

  get size(): number {
    return this.#open.size;
  }

  /** A relay for an upstream that has switched protocols; the client's side is still to be opened. */
  join(connection: UpstreamConnection): WebSocketRelay {
    const relay = new WebSocketRelay({
      connection,
      limits: this.#limits,
      turn: this.#turn,
      onEnd: (ended) => this.#open.delete(ended),
    });
    connection.tunnelTo(relay);
    this.#open.add(relay);
    return relay;
  }

  goAway(): void {
    for (const relay of this.#open) relay.goAway();
  }
}
