import { createHash } from 'node:crypto';
import type { ResponseHead } from '../upstream/response-head.js';
import type { WebSocketOffer } from './web-socket-offer.js';

/** What an upstream agreed to. */
export interface AgreedWebSocket {
  /** The subprotocol it chose; empty for none. */
  readonly protocol: string;
  /** Fields of its 101 that are not part of the handshake: name, value, … */
  readonly fields: readonly string[];
}

/** RFC 6455 §1.3. */
const acceptGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Checks a 101 (RFC 6455 §4.1). Returns what is wrong with it instead. */
export function readUpgradeResponse(
  head: ResponseHead,
  offer: WebSocketOffer,
): AgreedWebSocket | string {
  const fields: string[] = [];
  const handshake = new Map<string, string>();
  for (let i = 0; i < head.fields.length; i += 2) {
    const name = head.fields[i] as string; // fields come in pairs
    const value = head.fields[i + 1] as string;
    const lowerCase = name.toLowerCase();
    if (lowerCase !== 'upgrade' && !lowerCase.startsWith('sec-websocket-')) {
      fields.push(name, value);
      continue;
    }
    if (handshake.has(lowerCase)) return `more than one ${lowerCase}`;
    handshake.set(lowerCase, value);
  }
  if (handshake.get('upgrade')?.toLowerCase() !== 'websocket') return 'not upgraded to websocket';
  if (!head.connectionOptions.includes('upgrade')) return 'Connection does not say upgrade';
  const accept = createHash('sha1').update(`${offer.key}${acceptGuid}`).digest('base64');
  if (handshake.get('sec-websocket-accept') !== accept) return 'wrong Sec-WebSocket-Accept';
  if (handshake.has('sec-websocket-extensions')) return 'an extension that was not offered';
  const protocol = handshake.get('sec-websocket-protocol') ?? '';
  const offered = offer.protocols.split(',').map((item) => item.trim());
  if (protocol !== '' && !offered.includes(protocol)) return 'a subprotocol that was not offered';
  return { protocol, fields };
}
