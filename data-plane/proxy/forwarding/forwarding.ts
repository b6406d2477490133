import type { UpstreamTarget } from '../../routing/upstream-target.js';
import type { ClientExchange } from '../client/client-exchange.js';
import { expectsBody } from '../client/request-framing.js';
import type { RequestHead } from '../client/request-head.js';
import type { ProxyError } from '../proxy-error.js';
import type { ResponseHead } from '../upstream/response-head.js';
import type { UpstreamConnection } from '../upstream/upstream-connection.js';
import type { ConnectionSeeker, ConnectionSource } from '../upstream/upstream-pool.js';
import type { ConnectionFailure, UpstreamReceiver } from '../upstream/upstream-receiver.js';
import type { Slotted } from './active-forwardings.js';
import { Download } from './download.js';
import { ForwardingClock } from './forwarding-clock.js';
import type { ForwardingContext, ForwardingEnd, ForwardingOptions } from './forwarding-context.js';
import { Upload, type UploadOwner } from './upload.js';
import type { UpstreamRequestHead } from './upstream-request.js';

/** A stale connection is replaced this often; the replacement may itself be one that was kept. */
const maxRetries = 2;
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** Carries one request to its upstream and the answer back, both streamed with back-pressure. */
export class Forwarding implements ConnectionSeeker, UpstreamReceiver, UploadOwner, Slotted {
  readonly #context: ForwardingContext;
  readonly #exchange: ClientExchange;
  readonly #head: RequestHead;
  readonly #target: UpstreamTarget;
  readonly #request: UpstreamRequestHead;
  readonly #onEnd: ForwardingEnd;
  readonly #requestId: string;
  readonly #hsts: string | undefined;
  readonly #upload: Upload | undefined;
  #download: Download | undefined;
  #pool: ConnectionSource | undefined;
  #connection: UpstreamConnection | undefined;
  readonly #clock: ForwardingClock;
  #isReused = false;
  #retries = 0;
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
    this.#requestId = options.requestId;
    this.#hsts = options.hsts;
    const { limits, meter } = options.context;
    this.#clock = new ForwardingClock(options.startedAt, limits, meter);
    const { framing } = options.head;
    this.#upload = expectsBody(framing)
      ? new Upload(framing.kind === 'chunked', limits, this)
      : undefined;
  }

  begin(): void {
    this.#pool = this.#context.client.poolFor(this.#target);
    this.#pool.acquire(this, false);
  }

  /** Called about once a second. */
  checkDeadline(now: number): void {
    if (this.#isOver || !this.#clock.isOverdue(now)) return;
    if (this.#pool?.isQueued(this) === true) {
      this.#fail({ kind: 'connection_limit_reached', detail: 'no connection became free in time' });
      return;
    }
    const kind = this.#clock.timeoutKind;
    const detail = 'the upstream took too long';
    const failure = { kind, detail, peer: this.#connection?.peer };
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
    this.#clock.responseFlows(this.#context.now());
    this.#connection?.resumeReading();
  }

  // --- ConnectionSeeker ---

  connected(connection: UpstreamConnection, reused: boolean): void {
    if (this.#isOver) return;
    this.#connection = connection;
    this.#isReused = reused;
    this.#clock.connected(this.#context.now());
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
    const clock = this.#clock;
    clock.responseBegan(this.#readAt);
    this.#download = new Download(this.#exchange, head, this.#head.method === 'HEAD', {
      via: this.#context.via,
      requestId: this.#requestId,
      hsts: this.#hsts,
      upstreamLatencyMs: clock.upstreamLatencyMs,
      proxyLatencyMs: clock.proxyLatencyMs,
    });
  }

  body(piece: Buffer): void {
    if (this.#isOver || this.#download === undefined) return;
    if (this.#download.body(piece)) {
      if (!this.#exchange.isOver) this.#clock.responseFlows(this.#readAt);
    } else {
      this.#clock.responseWaits();
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
    this.#clock.responseComplete(this.#readAt);
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
      this.#clock.requestFlows();
    }
    this.#exchange.resumeBody();
  }

  #waitForUpstream(): void {
    this.#exchange.pauseBody();
    if (this.#connection === undefined || this.#download !== undefined) return;
    this.#clock.requestWaits(this.#context.now());
  }

  #requestWritten(): void {
    this.#connection?.endRequest();
    if (this.#download !== undefined) return;
    // The clock is read once per step of a request.
    const { sentAt } = this.#clock;
    this.#clock.requestWritten(this.#upload === undefined ? sentAt : this.#context.now());
  }

  // --- ends ---

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

  /** A kept connection that the upstream had closed: not a byte came back, and repeating does no harm. */
  #mayRetry(failure: ConnectionFailure): boolean {
    return (
      this.#isReused &&
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
      phase: failure.kind.startsWith('dns_') ? 'resolve' : this.#clock.phase,
      kind: failure.kind,
      requestSent: this.#clock.sentAt !== 0,
      detail: failure.detail,
      peer: failure.peer,
    };
    const answerable = !this.#exchange.hasStarted;
    if (!answerable) this.#exchange.cut();
    this.#onEnd.failed(error, answerable);
  }
}
