import { listItems } from '../field-list.js';

/** What a request for a WebSocket asks for. */
export interface WebSocketOffer {
  readonly key: string;
  readonly protocols: string;
}

/** The `Sec-WebSocket-*` fields of a request; empty what is missing, joined what came several times. */
export interface HandshakeFields extends WebSocketOffer {
  readonly version: string;
}

const keySyntax = /^[A-Za-z0-9+/]{22}==$/;

/**
 * The offer of a GET without body, or `undefined` if it is no well-formed handshake (RFC 6455 §4.2.1).
 * @param connectionOptions in lower case.
 */
export function readWebSocketOffer(
  { key, version, protocols }: HandshakeFields,
  upgrade: string,
  connectionOptions: readonly string[],
): WebSocketOffer | undefined {
  if (!connectionOptions.includes('upgrade') || !listItems(upgrade).includes('websocket')) {
    return undefined;
  }
  return version === '13' && keySyntax.test(key) ? { key, protocols } : undefined;
}
