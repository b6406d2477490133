import type { HttpRequest } from 'uWebSockets.js';
import { type HostHeader, parseHostHeader } from '../../shared/hostname.js';

/** How the client's body is framed; the engine decodes it, we frame it anew. */
export type RequestBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' };

/** What a `Sec-WebSocket-Key` request asks for, copied before the engine's request goes away. */
export interface WebSocketOffer {
  readonly key: string;
  readonly protocols: string;
}

/** A request's head, copied and checked once. */
export interface RequestHead {
  readonly method: string;
  /** As sent, without the query. */
  readonly path: string;
  /** With its question mark, or empty. */
  readonly query: string;
  readonly host: HostHeader;
  /** The `Host` header as sent. */
  readonly hostText: string;
  /** `X-Host-Override` headers. */
  readonly hostOverrides: readonly string[];
  readonly body: RequestBody;
  /** End-to-end fields that are passed on as they came: name, value, …; names in lower case. */
  readonly fields: readonly string[];
  /** Values of `X-Forwarded-For`, joined. */
  readonly forwardedFor: string | undefined;
  /** Every `X-Forwarded-Proto`. */
  readonly forwardedProto: readonly string[];
  readonly forwardedHost: string | undefined;
  readonly forwardedPrefix: string | undefined;
  readonly forwarded: string | undefined;
  readonly via: string | undefined;
  readonly accept: string;
  /** Present if this is a well-formed WebSocket handshake (RFC 6455 §4.2.1). */
  readonly webSocket: WebSocketOffer | undefined;
  /** Whether the client said that it closes, in a form the engine overlooks. */
  readonly wantsClose: boolean;
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
const plainValue = /^[\t -~]*$/;
const badValue = /[^\t -~\x80-\uffff]/;
const contentLengthSyntax = /^[0-9]{1,15}$/;
const webSocketKeySyntax = /^[A-Za-z0-9+/]{22}==$/;

type Special =
  | 'drop'
  | 'host'
  | 'override'
  | 'content-length'
  | 'transfer-encoding'
  | 'connection'
  | 'upgrade'
  | 'x-forwarded-for'
  | 'x-forwarded-proto'
  | 'x-forwarded-host'
  | 'x-forwarded-prefix'
  | 'forwarded'
  | 'via'
  | 'accept'
  | 'websocket';

/** Fields that are not passed on as they came: hop-by-hop ones, framing, and those the gateway sets. */
const special = new Map<string, Special>([
  ['host', 'host'],
  ['x-host-override', 'override'],
  ['content-length', 'content-length'],
  ['transfer-encoding', 'transfer-encoding'],
  ['connection', 'connection'],
  ['upgrade', 'upgrade'],
  ['keep-alive', 'drop'],
  ['proxy-connection', 'drop'],
  ['te', 'drop'],
  ['trailer', 'drop'],
  ['expect', 'drop'],
  ['http2-settings', 'drop'],
  ['x-real-ip', 'drop'],
  ['x-forwarded-port', 'drop'],
  ['x-forwarded-for', 'x-forwarded-for'],
  ['x-forwarded-proto', 'x-forwarded-proto'],
  ['x-forwarded-host', 'x-forwarded-host'],
  ['x-forwarded-prefix', 'x-forwarded-prefix'],
  ['forwarded', 'forwarded'],
  ['via', 'via'],
  ['accept', 'accept'],
  ['sec-websocket-key', 'websocket'],
  ['sec-websocket-version', 'websocket'],
  ['sec-websocket-protocol', 'websocket'],
  ['sec-websocket-extensions', 'websocket'],
]);

const nothing: readonly string[] = [];
const noBody: RequestBody = { kind: 'none' };
const chunkedBody: RequestBody = { kind: 'chunked' };

/** Reads a request off the engine, which is lax: whatever two readers could take differently is refused. */
export function readRequestHead(req: HttpRequest): RequestHead | RefusedRequest {
  const reader = new HeadReader();
  req.forEach((name, value) => {
    reader.field(name, value);
  });
  // Undefined without a question mark, whatever the engine's types say.
  const query: string | undefined = req.getQuery();
  return reader.finish(req.getCaseSensitiveMethod(), req.getUrl(), query);
}

class HeadReader {
  #fields: string[] = [];
  #refused: RefusedRequest | undefined;
  #hostText: string | undefined;
  #overrides = nothing;
  #contentLength: string | undefined;
  #transferEncoding: string | undefined;
  #connection: string | undefined;
  #upgrade: string | undefined;
  #forwardedFor: string | undefined;
  #forwardedProto = nothing;
  #forwardedHost: string | undefined;
  #forwardedPrefix: string | undefined;
  #forwarded: string | undefined;
  #via: string | undefined;
  #accept = '';
  #webSocketKey = '';
  #webSocketVersion = '';
  #webSocketProtocols = '';

  field(name: string, value: string): void {
    if (!plainValue.test(value) && badValue.test(value)) {
      this.#refuse('control character in a header field', true);
    }
    const kind = special.get(name);
    if (kind === undefined) {
      this.#fields.push(name, value);
      return;
    }
    this.#special(kind, name, value);
  }

  #special(kind: Special, name: string, value: string): void {
    switch (kind) {
      case 'drop':
        break;
      case 'host':
        if (this.#hostText !== undefined) this.#refuse('more than one Host', true);
        this.#hostText = value;
        break;
      case 'override':
        this.#overrides = [...this.#overrides, value];
        this.#fields.push(name, value);
        break;
      case 'content-length':
        if (this.#contentLength !== undefined) this.#refuse('more than one Content-Length', true);
        this.#contentLength = value;
        break;
      case 'transfer-encoding':
        if (this.#transferEncoding !== undefined) {
          this.#refuse('more than one Transfer-Encoding', true);
        }
        this.#transferEncoding = value;
        break;
      case 'connection':
        this.#connection = joined(this.#connection, value);
        break;
      case 'upgrade':
        this.#upgrade = joined(this.#upgrade, value);
        break;
      case 'x-forwarded-for':
        this.#forwardedFor = joined(this.#forwardedFor, value);
        break;
      case 'x-forwarded-proto':
        this.#forwardedProto = [...this.#forwardedProto, value];
        break;
      case 'x-forwarded-host':
        this.#forwardedHost = joined(this.#forwardedHost, value);
        break;
      case 'x-forwarded-prefix':
        this.#forwardedPrefix = joined(this.#forwardedPrefix, value);
        break;
      case 'forwarded':
        this.#forwarded = joined(this.#forwarded, value);
        break;
      case 'via':
        this.#via = joined(this.#via, value);
        break;
      case 'accept':
        this.#accept = this.#accept === '' ? value : `${this.#accept}, ${value}`;
        this.#fields.push(name, value);
        break;
      case 'websocket':
        this.#webSocketField(name, value);
        break;
      default:
        kind satisfies never;
    }
  }

  #webSocketField(name: string, value: string): void {
    if (name === 'sec-websocket-key') this.#webSocketKey += value;
    else if (name === 'sec-websocket-version') this.#webSocketVersion += value;
    else if (name === 'sec-websocket-protocol') {
      this.#webSocketProtocols =
        this.#webSocketProtocols === '' ? value : `${this.#webSocketProtocols}, ${value}`;
    }
    // Extensions end here: compression would have to be undone and redone for every message.
  }

  finish(method: string, path: string, query: string | undefined): RequestHead | RefusedRequest {
    const body = this.#body();
    if (!token.test(method)) this.#refuse('malformed method', true);
    if (!targetSyntax.test(path) || (query !== undefined && !querySyntax.test(query))) {
      this.#refuse('malformed request target', false);
    }
    // Its answer can't close the connection, as the answer to a chunked request must.
    if (method === 'HEAD' && body?.kind === 'chunked') this.#refuse('chunked body of a HEAD', true);
    const host = parseHostHeader(this.#hostText ?? '');
    if (host === undefined) this.#refuse('malformed Host', false);
    if (this.#refused !== undefined || host === undefined || body === undefined) {
      return this.#refused ?? { refused: 'malformed request', framingInDoubt: true };
    }
    const options = this.#connection === undefined ? nothing : listItems(this.#connection);
    return {
      method,
      path,
      query: query === undefined ? '' : `?${query}`,
      host,
      hostText: this.#hostText ?? '',
      hostOverrides: this.#overrides,
      body,
      fields: withoutNominated(this.#fields, options),
      forwardedFor: this.#forwardedFor,
      forwardedProto: this.#forwardedProto,
      forwardedHost: this.#forwardedHost,
      forwardedPrefix: this.#forwardedPrefix,
      forwarded: this.#forwarded,
      via: this.#via,
      accept: this.#accept,
      webSocket: this.#webSocket(method, options, body),
      wantsClose: options.includes('close'),
    };
  }

  #body(): RequestBody | undefined {
    if (this.#transferEncoding !== undefined) {
      if (this.#contentLength !== undefined) {
        this.#refuse('both Content-Length and Transfer-Encoding', true);
      }
      // The engine takes any coding for chunked.
      if (this.#transferEncoding.toLowerCase() !== 'chunked') {
        this.#refuse('unknown transfer coding', true);
      }
      return chunkedBody;
    }
    if (this.#contentLength === undefined) return noBody;
    if (!contentLengthSyntax.test(this.#contentLength)) {
      this.#refuse('malformed Content-Length', true);
      return undefined;
    }
    return { kind: 'length', length: Number(this.#contentLength) };
  }

  #webSocket(
    method: string,
    options: readonly string[],
    body: RequestBody,
  ): WebSocketOffer | undefined {
    if (this.#upgrade === undefined || method !== 'GET' || !options.includes('upgrade')) {
      return undefined;
    }
    if (!listItems(this.#upgrade).includes('websocket') || this.#webSocketVersion !== '13') {
      return undefined;
    }
    if (!webSocketKeySyntax.test(this.#webSocketKey) || body.kind !== 'none') return undefined;
    return { key: this.#webSocketKey, protocols: this.#webSocketProtocols };
  }

  /** The gravest finding decides: a doubtful end of the message outranks everything. */
  #refuse(refused: string, framingInDoubt: boolean): void {
    if (this.#refused === undefined || (framingInDoubt && !this.#refused.framingInDoubt)) {
      this.#refused = { refused, framingInDoubt };
    }
  }
}

function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`;
}

function listItems(value: string): string[] {
  return value
    .toLowerCase()
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/**
 * Drops the fields that `Connection` names. Only fields that are passed on as they came can be: one
 * that the gateway sets or reads can't be switched off by a client (RFC 9110 §7.6.1).
 */
function withoutNominated(fields: string[], options: readonly string[]): string[] {
  if (options.length === 0 || (options.length === 1 && ordinaryOption(options[0]))) return fields;
  const kept: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string; // fields come in pairs
    if (!options.includes(name)) kept.push(name, fields[i + 1] as string);
  }
  return kept;
}

function ordinaryOption(option: string | undefined): boolean {
  return option === 'keep-alive' || option === 'close';
}
