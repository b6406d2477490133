import type { Match } from '../routing/route-table.js';
import type { UpstreamTarget } from '../routing/upstream-target.js';
import type { ClientExchange } from './client-exchange.js';
import type { ProxyError, ProxyErrorKind, ProxyPhase } from './proxy-error.js';
import type { ProxyLimits } from './proxy-limits.js';
import type { RequestHead } from './request-head.js';
import type { ResponseHead } from './upstream/response-head.js';
import type { UpstreamClient } from './upstream/upstream-client.js';
import type {
  ConnectionFailure,
  UpstreamConnection,
  UpstreamReceiver,
} from './upstream/upstream-connection.js';
import type { ConnectionSeeker, UpstreamPool } from './upstream/upstream-pool.js';
import type { UpstreamRequestHead } from './upstream-request.js';
import { bodylessFields, responseLength, writeClientResponse } from './upstream-response.js';

/** What one forwarding needs of its thread. */
export interface ForwardingContext {
  readonly client: UpstreamClient;
  readonly limits: ProxyLimits;
  readonly now: () => number;
  /** `signet/1.2.3`. */
  readonly via: string;
}

export interface ForwardingOptions {
  readonly context: ForwardingContext;
  readonly exchange: ClientExchange;
  readonly head: RequestHead;
  readonly match: Match;
  readonly target: UpstreamTarget;
  readonly request: UpstreamRequestHead;
  readonly startedAt: number;
  readonly onEnd: ForwardingEnd;
}

export interface ForwardingEnd {
  /** The response was handed to the client whole. */
  completed(status: number): void;
  /** The upstream switched protocols, as it was asked to; `rest` is valid during the call. */
  upgraded(connection: UpstreamConnection, head: ResponseHead, rest: Buffer): void;
  /** Nothing of a response was started if `answerable`. */
  failed(error: ProxyError, answerable: boolean): void;
}

/** A stale connection is replaced this often; the replacement may itself be one that was kept. */
const maxRetries = 2;
const maxConnectAttempts = 3;
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);
const crlf = Buffer.from('\r\n');
const lastChunk = Buffer.from('0\r\n\r\n');
/** Bytes of body that may wait for a connection before the client is told to wait as well. */
const waitingBodyBytes = 64 * 1024;

/** Carries one request to its upstream and the answer back, both streamed with back-pressure. */
export class Forwarding implements ConnectionSeeker, UpstreamReceiver {
  readonly #context: ForwardingContext;
  readonly #exchange: ClientExchange;
  readonly #head: RequestHead;
  readonly #target: UpstreamTarget;
  readonly #request: UpstreamRequestHead;
  readonly #onEnd: ForwardingEnd;
  readonly #startedAt: number;
  #pool: UpstreamPool | undefined;
  #connection: UpstreamConnection | undefined;
  #reused = false;
  #retries = 0;
  #phase: ProxyPhase = 'connect';
  /** When the present phase has lasted too long; moved on by progress. */
  #deadline = Number.POSITIVE_INFINITY;
  #over = false;

  #waitingBody: Buffer[] = [];
  #waitingBytes = 0;
  #bodyComplete: boolean;
  #bodySent = false;
  #sentAt = 0;
  #headAt = 0;

  #response: ResponseHead | undefined;
  #responseStarted = false;

  constructor(options: ForwardingOptions) {
    this.#context = options.context;
    this.#exchange = options.exchange;
    this.#head = options.head;
    this.#target = options.target;
    this.#request = options.request;
    this.#onEnd = options.onEnd;
    this.#startedAt = options.startedAt;
    this.#bodyComplete = !expectsBody(options.head);
  }

  begin(): void {
    // Each address has its own time limit; this one also bounds the wait for a free connection.
    this.#phase = 'connect';
    this.#deadline = this.#startedAt + maxConnectAttempts * this.#context.limits.connectTimeoutMs;
    this.#pool = this.#context.client.poolFor(this.#target);
    this.#pool.acquire(this, false);
  }

  /** Called about once a second. */
  checkDeadline(now: number): void {
    if (this.#over || now < this.#deadline) return;
    const phase = this.#phase;
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.destroy();
    this.#fail({ kind: timeoutKind(phase), detail: 'the upstream took too long' });
  }

  /** The client is gone: whatever is under way upstream ends. */
  abort(): void {
    if (this.#over) return;
    this.#over = true;
    this.#pool?.cancel(this);
    this.#connection?.destroy();
    this.#connection = undefined;
  }

  // --- the request's body ---

  /** A piece of the client's body. */
  requestBody(piece: Buffer, last: boolean): void {
    if (this.#over || this.#bodyComplete) return;
    if (last) this.#bodyComplete = true;
    const connection = this.#connection;
    if (connection === undefined) {
      if (piece.length > 0) {
        this.#waitingBody.push(piece);
        this.#waitingBytes += piece.length;
      }
      if (this.#waitingBytes > waitingBodyBytes) this.#exchange.pauseBody();
    } else {
      const ready = this.#sendBody(connection, piece);
      if (last) this.#endBody(connection);
      else if (!ready) this.#waitForUpstream();
    }
    const held = this.#waitingBytes + (connection?.writableLength ?? 0);
    if (held > this.#context.limits.maxBufferedRequestBytes) this.#cutUpload();
  }

  #sendBody(connection: UpstreamConnection, piece: Buffer): boolean {
    this.#bodySent = true;
    if (this.#head.body.kind !== 'chunked') return piece.length === 0 || connection.write(piece);
    if (piece.length === 0) return true;
    connection.cork();
    connection.write(`${piece.length.toString(16)}\r\n`);
    connection.write(piece);
    const ready = connection.write(crlf);
    connection.uncork();
    return ready;
  }

  #endBody(connection: UpstreamConnection): void {
    if (this.#head.body.kind === 'chunked') connection.write(lastChunk);
    this.#requestWritten(connection);
  }

  #requestWritten(connection: UpstreamConnection): void {
    connection.endRequest();
    if (this.#response !== undefined) return;
    this.#phase = 'await-response';
    // The clock is read once per step of a request.
    const writtenAt = this.#bodySent ? this.#context.now() : this.#sentAt;
    this.#deadline = writtenAt + this.#context.limits.responseTimeoutMs;
  }

  #waitForUpstream(): void {
    this.#exchange.pauseBody();
    if (this.#response === undefined) {
      this.#enter('send-request', this.#context.limits.upstreamWriteTimeoutMs);
    }
  }

  /** More arrived than may be held; the engine delivers what it has read whatever we ask for. */
  #cutUpload(): void {
    this.abort();
    this.#exchange.cut();
    this.#onEnd.failed(
      {
        source: 'downstream',
        phase: 'send-request',
        kind: 'request_buffer_exceeded',
        requestSent: true,
        detail: 'the client sent faster than the upstream took',
      },
      false,
    );
  }

  // --- ConnectionSeeker ---

  connected(connection: UpstreamConnection, reused: boolean): void {
    if (this.#over) return;
    this.#connection = connection;
    this.#reused = reused;
    this.#sentAt = this.#context.now();
    connection.begin(this, {
      toHead: this.#head.method === 'HEAD',
      toUpgrade: this.#head.webSocket !== undefined,
    });
    if (this.#bodyComplete && this.#waitingBytes === 0 && this.#head.body.kind !== 'chunked') {
      connection.write(this.#request.text, this.#request.encoding);
      this.#requestWritten(connection);
      return;
    }
    connection.cork();
    connection.write(this.#request.text, this.#request.encoding);
    let ready = true;
    for (const piece of this.#waitingBody.splice(0)) ready = this.#sendBody(connection, piece);
    this.#waitingBytes = 0;
    if (this.#bodyComplete) this.#endBody(connection);
    connection.uncork();
    if (this.#bodyComplete) return;
    if (ready) this.#bodyFlows();
    else this.#waitForUpstream();
  }

  unconnected(failure: ConnectionFailure): void {
    if (!this.#over) this.#fail(failure);
  }

  // --- UpstreamReceiver ---

  batch(events: () => void): void {
    this.#exchange.batch(events);
  }

  head(head: ResponseHead): void {
    this.#response = head;
    this.#phase = 'receive-body';
    this.#headAt = this.#context.now();
    this.#deadline = this.#headAt + this.#context.limits.responseIdleTimeoutMs;
  }

  body(piece: Buffer): void {
    const head = this.#response;
    if (this.#over || head === undefined) return;
    if (!this.#responseStarted) {
      if (head.framing.kind === 'length' && piece.length === head.framing.length) {
        this.#responseStarted = true;
        this.#exchange.respond(this.#clientResponse(head), piece);
        return;
      }
      this.#startResponse(head);
    }
    this.#deadline = this.#context.now() + this.#context.limits.responseIdleTimeoutMs;
    if (!this.#exchange.write(piece)) {
      // Silence is now the client's, and the exchange watches that.
      this.#deadline = Number.POSITIVE_INFINITY;
      this.#connection?.pauseReading();
    }
  }

  complete(): void {
    const head = this.#response;
    if (this.#over || head === undefined) return;
    this.#connection = undefined;
    this.#over = true;
    if (this.#responseStarted) this.#exchange.finish();
    else this.#respondWithoutBody(head);
    this.#onEnd.completed(head.status);
  }

  upgraded(head: ResponseHead, rest: Buffer): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (this.#over || connection === undefined) return;
    this.#over = true;
    this.#onEnd.upgraded(connection, head, rest);
  }

  tunnelled(): void {}

  drained(): void {
    if (this.#over) return;
    this.#bodyFlows();
  }

  failed(failure: ConnectionFailure): void {
    this.#connection = undefined;
    if (this.#over) return;
    if (this.#mayRetry(failure)) {
      this.#retries++;
      this.#pool?.acquire(this, true);
      return;
    }
    this.#fail(failure);
  }

  settled(): void {
    const head = this.#response;
    if (this.#over || head === undefined || this.#responseStarted) return;
    this.#startResponse(head);
    this.#exchange.flushStart();
  }

  // --- the client's side ---

  /** The client takes more of the response. */
  clientWritable(): void {
    if (this.#over) return;
    this.#deadline = this.#context.now() + this.#context.limits.responseIdleTimeoutMs;
    this.#connection?.resumeReading();
  }

  #bodyFlows(): void {
    if (this.#response === undefined && !this.#bodyComplete) {
      this.#phase = 'send-request';
      this.#deadline = Number.POSITIVE_INFINITY;
    }
    this.#exchange.resumeBody();
  }

  #startResponse(head: ResponseHead): void {
    this.#responseStarted = true;
    this.#exchange.start(this.#clientResponse(head), responseLength(head));
  }

  #respondWithoutBody(head: ResponseHead): void {
    const start = this.#clientResponse(head);
    const toHead = this.#head.method === 'HEAD';
    if (head.framing.kind !== 'none') {
      this.#exchange.respond(start, '');
      return;
    }
    const fields = [...start.fields, ...bodylessFields(head, toHead)];
    this.#exchange.respond({ ...start, fields }, undefined);
  }

  #clientResponse(head: ResponseHead) {
    return writeClientResponse(head, {
      via: this.#context.via,
      upstreamLatencyMs: Math.round(this.#headAt - this.#sentAt),
      proxyLatencyMs: Math.round(this.#sentAt - this.#startedAt),
    });
  }

  #enter(phase: ProxyPhase, timeoutMs: number): void {
    this.#phase = phase;
    this.#deadline = this.#context.now() + timeoutMs;
  }

  /** A kept connection that the upstream had closed: nothing came back, and repeating does no harm. */
  #mayRetry(failure: ConnectionFailure): boolean {
    return (
      this.#reused &&
      this.#response === undefined &&
      !this.#bodySent &&
      this.#retries < maxRetries &&
      failure.kind === 'connection_terminated' &&
      idempotent.has(this.#head.method)
    );
  }

  #fail(failure: ConnectionFailure): void {
    this.#over = true;
    this.#pool?.cancel(this);
    const error: ProxyError = {
      source: failure.kind === 'connection_limit_reached' ? 'gateway' : 'upstream',
      phase: this.#phase,
      kind: failure.kind,
      requestSent: this.#sentAt !== 0,
      detail: failure.detail,
    };
    const answerable = !this.#exchange.hasStarted;
    if (!answerable) this.#exchange.cut();
    this.#onEnd.failed(error, answerable);
  }
}

/** Whether the engine will hand over body bytes that the upstream is to get. */
export function expectsBody({ body }: RequestHead): boolean {
  return body.kind === 'chunked' || (body.kind === 'length' && body.length > 0);
}

function timeoutKind(phase: ProxyPhase): ProxyErrorKind {
  switch (phase) {
    case 'connect':
      return 'connection_timeout';
    case 'send-request':
      return 'connection_write_timeout';
    case 'await-response':
      return 'http_response_timeout';
    default:
      return 'connection_read_timeout';
  }
}
