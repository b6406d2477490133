import { createHash } from 'node:crypto';
import { type FieldLines, readFieldLines, withoutFields } from '../field-lines.js';
import type { ResponseHead } from '../upstream/response-head.js';
import type { WebSocketOffer } from './web-socket-offer.js';

/** What an upstream agreed to. */
export interface AgreedWebSocket {
  /** The subprotocol it chose; empty for none. */
  readonly protocol: string;
  /** End-to-end fields of its 101 that are not part of the handshake. */
  readonly lines: FieldLines;
}

/** RFC 6455 §1.3. */
const acceptGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Checks a 101 (RFC 6455 §4.1). Returns what is wrong with it instead. */
export function readUpgradeResponse(
  head: ResponseHead,
  offer: WebSocketOffer,
): AgreedWebSocket | string {
  const fields = readFieldLines(head.lines);
  const handshake = new Map<string, string>();
  for (let i = 0; i < fields.length; i += 2) {
    const name = (fields[i] as string).toLowerCase(); // fields come in pairs
    if (name !== 'upgrade' && !isOfHandshake(name)) continue;
    if (handshake.has(name)) return `more than one ${name}`;
    handshake.set(name, fields[i + 1] as string);
  }
  if (handshake.get('upgrade')?.toLowerCase() !== 'websocket') return 'not upgraded to websocket';
  if (!head.connectionOptions.includes('upgrade')) return 'Connection does not say upgrade';
  const accept = createHash('sha1').update(`${offer.key}${acceptGuid}`).digest('base64');
  if (handshake.get('sec-websocket-accept') !== accept) return 'wrong Sec-WebSocket-Accept';
  if (handshake.has('sec-websocket-extensions')) return 'an extension that was not offered';
  const protocol = handshake.get('sec-websocket-protocol') ?? '';
  const offered = offer.protocols.split(',').map((item) => item.trim());
  if (protocol !== '' && !offered.includes(protocol)) return 'a subprotocol that was not offered';
  return { protocol, lines: withoutFields(head.endToEnd, isOfHandshake) };
}

function isOfHandshake(name: string): boolean {
  return name.startsWith('sec-websocket-');
}
