import { joinValues } from '../field-list.js';
import type { HandshakeFields } from '../web-socket/web-socket-offer.js';

/** What the gateway does with a field that is not passed on as it came. */
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
  | 'x-request-id'
  | 'traceparent'
  | 'websocket';

/** Hop-by-hop fields, framing, and those that the gateway sets or reads. */
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
  ['x-request-id', 'x-request-id'],
  ['traceparent', 'traceparent'],
  ['sec-websocket-key', 'websocket'],
  ['sec-websocket-version', 'websocket'],
  ['sec-websocket-protocol', 'websocket'],
  ['sec-websocket-extensions', 'websocket'],
]);

const plainValue = /^[\t -~]*$/;
const badValue = /[^\t -~\x80-\uffff]/;
const nothing: readonly string[] = [];

/** A request's header fields, sorted by what the gateway does with them. */
export class RequestFields {
  /** Passed on as they came: name, value, …; names in lower case. */
  readonly passed: string[] = [];
  /** As sent. */
  host: string | undefined;
  /** `X-Host-Override` headers. */
  hostOverrides = nothing;
  contentLength: string | undefined;
  transferEncoding: string | undefined;
  /** Fields that came several times are joined. */
  connection: string | undefined;
  upgrade: string | undefined;
  forwardedFor: string | undefined;
  /** Every `X-Forwarded-Proto`. */
  forwardedProto = nothing;
  forwardedHost: string | undefined;
  forwardedPrefix: string | undefined;
  forwarded: string | undefined;
  via: string | undefined;
  accept = '';
  /** What whoever sent the request calls it. */
  requestId: string | undefined;
  traceparent: string | undefined;
  handshake: HandshakeFields | undefined;
  /** Whether no value holds a character beyond ASCII. */
  isAscii = true;
  /** Why two readers could see two different messages, if they could. */
  doubt: string | undefined;

  /** @param name in lower case. */
  add(name: string, value: string): void {
    if (!plainValue.test(value)) {
      this.isAscii = false;
      if (badValue.test(value)) this.doubt = 'control character in a header field';
    }
    const kind = special.get(name);
    if (kind === undefined) this.passed.push(name, value);
    else this.#addSpecial(kind, name, value);
  }

  #addSpecial(kind: Special, name: string, value: string): void {
    switch (kind) {
      case 'drop':
        break;
      case 'host':
        if (this.host !== undefined) this.doubt = 'more than one Host';
        this.host = value;
        break;
      case 'override':
        this.hostOverrides = [...this.hostOverrides, value];
        this.passed.push(name, value);
        break;
      case 'content-length':
        if (this.contentLength !== undefined) this.doubt = 'more than one Content-Length';
        this.contentLength = value;
        break;
      case 'transfer-encoding':
        if (this.transferEncoding !== undefined) this.doubt = 'more than one Transfer-Encoding';
        this.transferEncoding = value;
        break;
      case 'connection':
        this.connection = joinValues(this.connection, value);
        break;
      case 'upgrade':
        this.upgrade = joinValues(this.upgrade, value);
        break;
      case 'x-forwarded-for':
        this.forwardedFor = joinValues(this.forwardedFor, value);
        break;
      case 'x-forwarded-proto':
        this.forwardedProto = [...this.forwardedProto, value];
        break;
      case 'x-forwarded-host':
        this.forwardedHost = joinValues(this.forwardedHost, value);
        break;
      case 'x-forwarded-prefix':
        this.forwardedPrefix = joinValues(this.forwardedPrefix, value);
        break;
      case 'forwarded':
        this.forwarded = joinValues(this.forwarded, value);
        break;
      case 'via':
        this.via = joinValues(this.via, value);
        break;
      case 'accept':
        this.accept = this.accept === '' ? value : `${this.accept}, ${value}`;
        this.passed.push(name, value);
        break;
      case 'x-request-id':
        this.requestId = joinValues(this.requestId, value);
        break;
      case 'traceparent':
        this.traceparent = joinValues(this.traceparent, value);
        this.passed.push(name, value);
        break;
      case 'websocket':
        this.#addHandshake(name, value);
        break;
      default:
        kind satisfies never;
    }
  }

  /** Extensions end here: compression would have to be undone and redone for every message. */
  #addHandshake(name: string, value: string): void {
    const { key, version, protocols } = this.handshake ?? noHandshake;
    switch (name) {
      case 'sec-websocket-key':
        this.handshake = { key: key + value, version, protocols };
        break;
      case 'sec-websocket-version':
        this.handshake = { key, version: version + value, protocols };
        break;
      case 'sec-websocket-protocol':
        this.handshake = {
          key,
          version,
          protocols: protocols === '' ? value : `${protocols}, ${value}`,
        };
        break;
    }
  }
}

const noHandshake: HandshakeFields = { key: '', version: '', protocols: '' };
