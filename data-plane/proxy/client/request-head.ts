import type { HttpRequest } from 'uWebSockets.js';
import { type HostHeader, parseHostHeader } from '../../../shared/hostname.js';
import { listItems, nominatesFields } from '../field-list.js';
import { readWebSocketOffer, type WebSocketOffer } from '../web-socket/web-socket-offer.js';
import { RequestFields } from './request-fields.js';
import { type RequestFraming, readFraming } from './request-framing.js';

/** A request's head, copied off the engine and checked once. */
export interface RequestHead {
  readonly method: string;
  /** As sent, without the query. */
  readonly path: string;
  /** With its question mark, or empty. */
  readonly query: string;
  readonly host: HostHeader;
  readonly framing: RequestFraming;
  readonly fields: Readonly<RequestFields>;
  /** End-to-end fields that are passed on as they came: name, value, …; names in lower case. */
  readonly passed: readonly string[];
  /** Present if this is a well-formed WebSocket handshake (RFC 6455 §4.2.1). */
  readonly webSocket: WebSocketOffer | undefined;
  /** Whether the client said that it closes. */
  readonly wantsClose: boolean;
  /** Whether it did in the one form that the engine knows. */
  readonly engineCloses: boolean;
}

/** A request that is not passed on. */
export interface RefusedRequest {
  readonly refused: string;
  /** Whether even the end of the request is in doubt: no answer, the connection is cut. */
  readonly framingInDoubt: boolean;
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Visible ASCII but for `#`: a fragment is no part of a request-target, and readers differ on it. */
const targetSyntax = /^\/[!"$-~]*$/;
const querySyntax = /^[!"$-~]*$/;
const noOptions: readonly string[] = [];

/** Reads a request off the engine, which is lax: whatever two readers could take differently is refused. */
export function readRequestHead(req: HttpRequest): RequestHead | RefusedRequest {
  const fields = new RequestFields();
  req.forEach((name, value) => {
    fields.add(name, value);
  });
  const method = req.getCaseSensitiveMethod();
  const path = req.getUrl();
  // Undefined without a question mark, whatever the engine's types say.
  const query: string | undefined = req.getQuery();

  // A doubtful end of the message outranks everything: such a request is not even answered.
  const framing = readFraming(fields.contentLength, fields.transferEncoding);
  if (typeof framing === 'string') return inDoubt(framing);
  if (fields.doubt !== undefined) return inDoubt(fields.doubt);
  if (!token.test(method)) return inDoubt('malformed method');
  // Its answer can't close the connection, as the answer to a chunked request must.
  if (method === 'HEAD' && framing.kind === 'chunked') return inDoubt('chunked body of a HEAD');

  // Its 2xx has no body and makes a tunnel (RFC 9110 §9.3.6): an upstream would take it so, we don't.
  if (method === 'CONNECT') return { refused: 'no tunnels', framingInDoubt: false };
  if (!targetSyntax.test(path) || (query !== undefined && !querySyntax.test(query))) {
    return { refused: 'malformed request target', framingInDoubt: false };
  }
  const host = parseHostHeader(fields.host ?? '');
  if (host === undefined) return { refused: 'malformed Host', framingInDoubt: false };

  const options = fields.connection === undefined ? noOptions : listItems(fields.connection);
  const { handshake, upgrade, passed } = fields;
  const mayUpgrade = handshake !== undefined && method === 'GET' && framing.kind === 'none';
  return {
    method,
    path,
    query: query === undefined ? '' : `?${query}`,
    host,
    framing,
    fields,
    passed: withoutNominated(passed, options),
    webSocket: mayUpgrade ? readWebSocketOffer(handshake, upgrade ?? '', options) : undefined,
    wantsClose: options.includes('close'),
    engineCloses: fields.connection?.toLowerCase() === 'close',
  };
}

function inDoubt(refused: string): RefusedRequest {
  return { refused, framingInDoubt: true };
}

/**
 * Drops the fields that `Connection` names. Only fields that are passed on as they came can be: one
 * that the gateway sets or reads can't be switched off by a client (RFC 9110 §7.6.1).
 */
function withoutNominated(
  fields: readonly string[],
  options: readonly string[],
): readonly string[] {
  if (!nominatesFields(options)) return fields;
  const kept: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string; // fields come in pairs
    if (!options.includes(name)) kept.push(name, fields[i + 1] as string);
  }
  return kept;
}
