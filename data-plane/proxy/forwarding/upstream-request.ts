import { upstreamPath } from '../../routing/route.js';
import type { Match } from '../../routing/route-table.js';
import type { UpstreamTarget } from '../../routing/upstream-target.js';
import type { Downstream } from '../client/downstream.js';
import type { RequestHead } from '../client/request-head.js';
import type { ForwardedClient, TrustedProxies } from '../trusted-proxies.js';
import type { WebSocketOffer } from '../web-socket/web-socket-offer.js';
import { forwardedBy } from './forwarded.js';

export interface UpstreamRequestOptions {
  readonly head: RequestHead;
  readonly match: Match;
  readonly target: UpstreamTarget;
  readonly downstream: Downstream;
  /** Address of the connection's other end. */
  readonly peer: string;
  readonly trusted: TrustedProxies;
  /** Received-by name of this gateway in `Via`. */
  readonly viaName: string;
  readonly requestId: string;
}

/** The request as it goes out, body excluded: `GET /x HTTP/1.1\r\n…\r\n\r\n`. */
export interface UpstreamRequestHead {
  readonly text: string;
  /** `latin1` where the text is ASCII; the engine has decoded anything else as UTF-8. */
  readonly encoding: 'latin1' | 'utf8';
}

/**
 * Writes the upstream's request. Hop-by-hop fields and those that `Connection` names are gone from
 * `head` already; what the gateway says of the client comes after them, so nothing a client sends
 * can stand in for it.
 */
export function writeUpstreamRequest(options: UpstreamRequestOptions): UpstreamRequestHead {
  const { head, match, target } = options;
  const path = upstreamPath(match.route, target, head.path, match.by === 'path');
  let text = `${head.method} ${path}${head.query} HTTP/1.1\r\nhost: ${hostFor(options)}\r\n`;
  const { passed } = head;
  for (let i = 0; i < passed.length; i += 2) text += `${passed[i]}: ${passed[i + 1]}\r\n`;
  text += forwardingFields(options);
  if (head.webSocket !== undefined) text += handshakeFields(head.webSocket);
  switch (head.framing.kind) {
    case 'none':
      break;
    case 'length':
      text += `content-length: ${head.framing.length}\r\n`;
      break;
    case 'chunked':
      text += 'transfer-encoding: chunked\r\n';
      break;
    default:
      head.framing satisfies never;
  }
  text += '\r\n';
  // All else in it is ASCII: method, target, hosts and what the gateway says.
  return { text, encoding: head.fields.isAscii ? 'latin1' : 'utf8' };
}

function handshakeFields({ key, protocols }: WebSocketOffer): string {
  const fields = `connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n`;
  return protocols === '' ? fields : `${fields}sec-websocket-protocol: ${protocols}\r\n`;
}

/** Kong's rules (exact host: without the port; else as the client sent it). */
function hostFor({ head, match, target }: UpstreamRequestOptions): string {
  if (!match.route.api.preserveHost) return target.hostHeader;
  if (match.by === 'host') return match.host;
  return head.fields.host || target.hostHeader;
}

function forwardingFields(options: UpstreamRequestOptions): string {
  const { head, match, downstream, peer, trusted, viaName, requestId } = options;
  const { fields } = head;
  // Where nothing was told, nobody's word has to be weighed: a list of trusted networks is slow to ask.
  const client = tellsOfHops(fields) ? trusted.clientOf(peer, fields.forwardedFor) : firstHop(peer);
  let text = `x-real-ip: ${client.address}\r\nx-forwarded-for: ${client.chain}\r\nx-forwarded-proto: ${downstream.scheme}\r\nx-forwarded-port: ${downstream.port}\r\n`;
  const host = forwardedHost(match, head, client.isTrusted);
  if (host !== undefined) text += `x-forwarded-host: ${host}\r\n`;
  const prefix = forwardedPrefix(match, head, client.isTrusted);
  if (prefix !== undefined) text += `x-forwarded-prefix: ${prefix}\r\n`;
  const hop = { peer, host: fields.host, scheme: downstream.scheme };
  const toldBefore = client.isConfigured ? fields.forwarded : undefined;
  const forwarded = forwardedBy(hop, toldBefore);
  const hopsBefore = fields.via === undefined ? '' : `${fields.via}, `;
  return `${text}forwarded: ${forwarded}\r\nvia: ${hopsBefore}1.1 ${viaName}\r\nx-request-id: ${requestId}\r\n`;
}

function tellsOfHops(fields: RequestHead['fields']): boolean {
  return (
    fields.forwardedFor !== undefined ||
    fields.forwardedHost !== undefined ||
    fields.forwardedPrefix !== undefined ||
    fields.forwarded !== undefined
  );
}

function firstHop(peer: string): ForwardedClient {
  return { address: peer, chain: peer, isTrusted: false, isConfigured: false };
}

function forwardedHost(match: Match, head: RequestHead, isTrusted: boolean): string | undefined {
  switch (match.by) {
    case 'host':
      return match.host;
    case 'wildcard':
      return undefined;
    case 'path':
      return isTrusted ? head.fields.forwardedHost : undefined;
    default:
      return match satisfies never;
  }
}

function forwardedPrefix(match: Match, head: RequestHead, isTrusted: boolean): string | undefined {
  if (match.by === 'path' && match.route.strippedPrefix !== undefined) {
    return match.route.strippedPrefix;
  }
  return isTrusted ? head.fields.forwardedPrefix : undefined;
}
