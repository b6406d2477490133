import type { RequestMeter } from '../../metrics/request-meter.js';
import type { UpstreamTarget } from '../../routing/upstream-target.js';
import type { ClientExchange } from '../client/client-exchange.js';
import { expectsBody } from '../client/request-framing.js';
import type { RequestHead } from '../client/request-head.js';
import type { ProxyError, ProxyErrorKind, ProxyPhase } from '../proxy-error.js';
import type { ProxyLimits } from '../proxy-limits.js';
import type { ResponseHead } from '../upstream/response-head.js';
import type { UpstreamClient } from '../upstream/upstream-client.js';
import type {
  ConnectionFailure,
  UpstreamConnection,
  UpstreamReceiver,
} from '../upstream/upstream-connection.js';
import type { ConnectionSeeker, ConnectionSource } from '../upstream/upstream-pool.js';
import type { Slotted } from './active-forwardings.js';
import { Download } from './download.js';
import { Upload, type UploadOwner } from './upload.js';
import type { UpstreamRequestHead } from './upstream-request.js';

/** What one forwarding needs of its thread. */
export interface ForwardingContext {
  readonly client: UpstreamClient;
  readonly limits: ProxyLimits;
  readonly now: () => number;
  /** `signet/1.2.3`. */
  readonly via: string;
  /** Absent: nobody asks how long upstreams take. */
  readonly meter: RequestMeter | undefined;
}

export interface ForwardingOptions {
  readonly context: ForwardingContext;
  readonly exchange: ClientExchange;
  readonly head: RequestHead;
  readonly target: UpstreamTarget;
  readonly request: UpstreamRequestHead;
  readonly startedAt: number;
  readonly requestId: string;
  /** Value of `Strict-Transport-Security`; the upstream's own stays if `undefined`. */
  readonly hsts: string | undefined;
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

/** Carries one request to its upstream and the answer back, both streamed with back-pressure. */
export class Forwarding implements ConnectionSeeker, UpstreamReceiver, UploadOwner, Slotted {
  readonly #context: ForwardingContext;
  readonly #exchange: ClientExchange;
  readonly #head: RequestHead;
  readonly #target: UpstreamTarget;
  readonly #request: UpstreamRequestHead;
  readonly #onEnd: ForwardingEnd;
  readonly #startedAt: number;
  readonly #requestId: string;
  readonly #hsts: string | undefined;
  readonly #upload: Upload | undefined;
  #download: Download | undefined;
  #pool: ConnectionSource | undefined;
  #connection: UpstreamConnection | undefined;
  #isReused = false;
  #retries = 0;
  #phase: ProxyPhase = 'connect';
  /** When the present phase has lasted too long; moved on by progress. */
  #deadline = Number.POSITIVE_INFINITY;
  #sentAt = 0;
  #headAt = 0;
  #readAt = 0;
  #isOver = false;
  slot = -1;

  constructor(options: ForwardingOptions) {
    this.#context = options.context;
    this.#exchange = options.exchange;
    this.#head = options.head;
    this.#target = options.target;
    this.#request = options.request;
    this.#onEnd = options.onEnd;
    this.#startedAt = options.startedAt;
    this.#requestId = options.requestId;
    this.#hsts = options.hsts;
    const { framing } = options.head;
    this.#upload = expectsBody(framing)
      ? new Upload(framing.kind === 'chunked', options.context.limits, this)
      : undefined;
  }

  begin(): void {
    // Each address has its own time limit; this one also bounds the wait for a free connection.
    this.#deadline = this.#startedAt + maxConnectAttempts * this.#context.limits.connectTimeoutMs;
    this.#pool = this.#context.client.poolFor(this.#target);
    this.#pool.acquire(this, false);
  }

  /** Called about once a second. */
  checkDeadline(now: number): void {
    if (this.#isOver || now < this.#deadline) return;
    const phase = this.#phase;
    const detail = 'the upstream took too long';
    const failure = { kind: timeoutKind(phase), detail, peer: this.#connection?.peer };
    this.#dropConnection(failure);
    this.#fail(failure);
  }

  /** The client is gone: whatever is under way upstream ends. */
  abort(): void {
    if (this.#isOver) return;
    this.#end();
    this.#pool?.cancel(this);
    this.#dropConnection();
  }

  // --- the client's side ---

  /** A piece of the client's body; it is overwritten afterwards. */
  requestBody(piece: Buffer, last: boolean): void {
    const upload = this.#upload;
    if (this.#isOver || upload === undefined || upload.isComplete) return;
    const ready = upload.take(piece, last);
    if (this.#isOver) return;
    if (upload.isSent) this.#requestWritten();
    else if (!ready) this.#waitForUpstream();
  }

  /** The client takes more of the response. */
  clientWritable(): void {
    if (this.#isOver) return;
    this.#progressed(this.#context.now());
    this.#connection?.resumeReading();
  }

  // --- ConnectionSeeker ---

  connected(connection: UpstreamConnection, reused: boolean): void {
    if (this.#isOver) return;
    this.#connection = connection;
    this.#isReused = reused;
    this.#sentAt = this.#context.now();
    connection.begin(this, {
      toHead: this.#head.method === 'HEAD',
      toUpgrade: this.#head.webSocket !== undefined,
    });
    const { text, encoding } = this.#request;
    const upload = this.#upload;
    if (upload === undefined) {
      connection.write(text, encoding);
      this.#requestWritten();
      return;
    }
    connection.cork();
    connection.write(text, encoding);
    const ready = upload.flowTo(connection);
    connection.uncork();
    if (upload.isSent) this.#requestWritten();
    else if (ready) this.#uploadFlows();
    else this.#waitForUpstream();
  }

  unconnected(failure: ConnectionFailure): void {
    if (!this.#isOver) this.#fail(failure);
  }

  // --- UpstreamReceiver ---

  batch(events: () => void, readAt: number): void {
    this.#readAt = readAt;
    this.#exchange.batch(events);
  }

  head(head: ResponseHead): void {
    this.#phase = 'receive-body';
    const headAt = this.#readAt;
    this.#headAt = headAt;
    this.#progressed(headAt);
    const { meter } = this.#context;
    meter?.upstreamTook('connect', this.#sentAt - this.#startedAt);
    meter?.upstreamTook('first_byte', headAt - this.#sentAt);
    this.#download = new Download(this.#exchange, head, this.#head.method === 'HEAD', {
      via: this.#context.via,
      requestId: this.#requestId,
      hsts: this.#hsts,
      upstreamLatencyMs: Math.round(headAt - this.#sentAt),
      proxyLatencyMs: Math.round(this.#sentAt - this.#startedAt),
    });
  }

  body(piece: Buffer): void {
    if (this.#isOver || this.#download === undefined) return;
    if (this.#download.body(piece)) {
      if (!this.#exchange.isOver) this.#progressed(this.#readAt);
    } else {
      // Silence is now the client's, and the exchange watches that.
      this.#deadline = Number.POSITIVE_INFINITY;
      this.#connection?.pauseReading();
    }
  }

  settled(): void {
    if (!this.#isOver) this.#download?.flush();
  }

  complete(): void {
    const download = this.#download;
    if (this.#isOver || download === undefined) return;
    this.#connection = undefined;
    this.#end();
    this.#context.meter?.upstreamTook('body', this.#readAt - this.#headAt);
    download.complete();
    this.#onEnd.completed(download.head.status);
  }

  upgraded(head: ResponseHead, rest: Buffer): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (this.#isOver || connection === undefined) return;
    this.#end();
    this.#onEnd.upgraded(connection, head, rest);
  }

  tunnelled(): void {}

  drained(): void {
    if (this.#isOver) return;
    if (this.#upload?.drained() === false) this.#waitForUpstream();
    else if (this.#upload?.isSent !== true) this.#uploadFlows();
  }

  failed(failure: ConnectionFailure): void {
    this.#connection = undefined;
    if (this.#isOver) return;
    if (this.#mayRetry(failure)) {
      this.#upload?.detach();
      this.#retries++;
      this.#pool?.acquire(this, true);
      return;
    }
    this.#fail(failure);
  }

  // --- UploadOwner ---

  spoolEmptied(): void {
    if (this.#isOver) return;
    if (this.#upload?.isSent === true) this.#requestWritten();
    else this.#uploadFlows();
  }

  uploadFailed(): void {
    if (this.#isOver) return;
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

  // --- the upload's flow ---

  #uploadFlows(): void {
    if (this.#download === undefined && this.#upload?.isComplete === false) {
      this.#phase = 'send-request';
      this.#deadline = Number.POSITIVE_INFINITY;
    }
    this.#exchange.resumeBody();
  }

  #waitForUpstream(): void {
    this.#exchange.pauseBody();
    if (this.#connection === undefined || this.#download !== undefined) return;
    this.#phase = 'send-request';
    this.#deadline = this.#context.now() + this.#context.limits.upstreamWriteTimeoutMs;
  }

  #requestWritten(): void {
    this.#connection?.endRequest();
    if (this.#download !== undefined) return;
    this.#phase = 'await-response';
    // The clock is read once per step of a request.
    const writtenAt = this.#upload === undefined ? this.#sentAt : this.#context.now();
    this.#deadline = writtenAt + this.#context.limits.responseTimeoutMs;
  }

  // --- ends ---

  /** The upstream, or the client that it waited for, did something. */
  #progressed(at: number): void {
    this.#deadline = at + this.#context.limits.responseIdleTimeoutMs;
  }

  #end(): void {
    this.#isOver = true;
    this.#upload?.close();
  }

  /** @param failure of the upstream, if there was one. */
  #dropConnection(failure?: ConnectionFailure): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.destroy(failure);
  }

  /** A kept connection that the upstream had closed: nothing came back, and repeating does no harm. */
  #mayRetry(failure: ConnectionFailure): boolean {
    return (
      this.#isReused &&
      this.#download === undefined &&
      this.#upload?.hasBegun !== true &&
      this.#retries < maxRetries &&
      failure.kind === 'connection_terminated' &&
      idempotent.has(this.#head.method)
    );
  }

  #fail(failure: ConnectionFailure): void {
    this.#end();
    this.#pool?.cancel(this);
    const error: ProxyError = {
      source: failure.kind === 'connection_limit_reached' ? 'gateway' : 'upstream',
      phase: failure.kind.startsWith('dns_') ? 'resolve' : this.#phase,
      kind: failure.kind,
      requestSent: this.#sentAt !== 0,
      detail: failure.detail,
      peer: failure.peer,
    };
    const answerable = !this.#exchange.hasStarted;
    if (!answerable) this.#exchange.cut();
    this.#onEnd.failed(error, answerable);
  }
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
