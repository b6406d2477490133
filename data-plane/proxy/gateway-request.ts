import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { AccessLog } from '../access-log/access-log.js';
import type { Match } from '../routing/route-table.js';
import { answerToPlainHttp, isLoop, isMisdirected, saysItCameByHttps } from './admission.js';
import { ClientExchange } from './client/client-exchange.js';
import type { Downstream } from './client/downstream.js';
import type { ClientBodyReceiver, ExchangeOwner } from './client/exchange-owner.js';
import { expectsBody } from './client/request-framing.js';
import { type RequestHead, readRequestHead } from './client/request-head.js';
import { writeSwitchingProtocols } from './forwarding/client-response.js';
import { Forwarding } from './forwarding/forwarding.js';
import type { ForwardingEnd } from './forwarding/forwarding-context.js';
import { writeUpstreamRequest } from './forwarding/upstream-request.js';
import type { GatewayContext } from './gateway.js';
import type { GatewayAnswer } from './gateway-answers.js';
import { type ProxyError, type ProxyErrorKind, statusOf } from './proxy-error.js';
import { isUsableRequestId } from './request-ids.js';
import { accessEntry, type KnownRequest, reportFailure } from './request-report.js';
import type { ResponseHead } from './upstream/response-head.js';
import type { UpstreamConnection } from './upstream/upstream-connection.js';
import { readUpgradeResponse } from './web-socket/upgrade-response.js';

/** As nginx counts it: nobody was there to be answered. */
const clientWentAway = 499;

/** One request from its head to its end: read, route, refuse or forward, count, log. */
export class GatewayRequest implements ExchangeOwner, ForwardingEnd, ClientBodyReceiver {
  readonly #context: GatewayContext;
  readonly #exchange: ClientExchange;
  readonly #downstream: Downstream;
  readonly #startedAt: number;
  #head: RequestHead | undefined;
  #match: Match | undefined;
  #forwarding: Forwarding | undefined;
  #peer: string | undefined;
  #requestId = '';
  /** What the client was answered, or would have been; 499 if it went away first. */
  #status = 0;
  #counted = true;
  /** What the answer says about HTTPS from now on. */
  #hsts: string | undefined;

  /** Never throws: a defect is logged and answered with 500. */
  static answer(
    context: GatewayContext,
    res: HttpResponse,
    req: HttpRequest,
    downstream: Downstream,
  ): void {
    const request = new GatewayRequest(context, res, downstream);
    try {
      request.#answer(req);
    } catch (error) {
      context.options.logger.error({ error }, 'request handler failed');
      request.failed(
        { source: 'gateway', phase: 'connect', kind: 'proxy_internal_error', requestSent: false },
        !request.#exchange.hasStarted,
      );
    }
  }

  private constructor(context: GatewayContext, res: HttpResponse, downstream: Downstream) {
    this.#exchange = new ClientExchange(res, this, context.exchanges);
    this.#context = context;
    this.#downstream = downstream;
    this.#startedAt = context.exchanges.now();
    context.options.counters.requestsTotal++;
    context.options.counters.requestsActive++;
  }

  #answer(req: HttpRequest): void {
    // Written when the request is over, which is too late to ask the engine.
    if (this.#context.options.accessLog !== undefined) this.#peerAddress();
    const head = readRequestHead(req);
    if ('refused' in head) {
      this.#requestId = this.#context.requestIds.next();
      this.#refuse(head.refused, head.framingInDoubt);
      return;
    }
    this.#head = head;
    this.#requestId = this.#nameOf(head);
    const isLast =
      head.framing.kind === 'chunked' ||
      head.wantsClose ||
      this.#context.options.isDraining() ||
      this.#downstream.isDraining?.() === true;
    if (isLast) this.#exchange.closeAfterResponse(head.engineCloses);
    // Also where the answer needs no body: it must not be sent while the engine still reads it.
    if (expectsBody(head.framing)) this.#exchange.receiveBody(this);
    this.#route(head);
  }

  #route(head: RequestHead): void {
    const { answers, options, trusted, viaName } = this.#context;
    const match = options.routes.route(head.host.name, head.fields.hostOverrides, head.path);
    if (match === undefined) {
      this.#send(answers.notFound(head));
      return;
    }
    this.#match = match;
    if (
      options.refuseMisdirected === true &&
      isMisdirected(this.#downstream, match, options.routes)
    ) {
      this.#send(answers.misdirected());
      return;
    }
    const { onlyHttps, hsts } = match.route;
    if (onlyHttps || hsts !== undefined) {
      const isSecure = this.#cameByHttps(head, match);
      if (onlyHttps && !isSecure) {
        this.#send(answerToPlainHttp(head, match, this.#context));
        return;
      }
      // Over plain HTTP it would be the word of whoever is in between (RFC 6797 §7.2).
      if (isSecure) this.#hsts = hsts;
    }
    if (head.webSocket !== undefined && this.#downstream.webSocket?.context === undefined) {
      this.#failHere('http_upgrade_failed');
      return;
    }
    if (isLoop(head.fields.via, viaName)) {
      this.#failHere('proxy_loop_detected');
      return;
    }
    const { target } = match.route;
    if (target === undefined) {
      this.#failHere('proxy_configuration_error');
      return;
    }
    const request = writeUpstreamRequest({
      head,
      match,
      target,
      downstream: this.#downstream,
      peer: this.#peerAddress(),
      trusted,
      viaName,
      requestId: this.#requestId,
    });
    this.#forwarding = new Forwarding({
      context: this.#context.forwarding,
      exchange: this.#exchange,
      head,
      target,
      request,
      startedAt: this.#startedAt,
      requestId: this.#requestId,
      hsts: this.#hsts,
      onEnd: this,
    });
    this.#context.active.add(this.#forwarding);
    this.#forwarding.begin();
  }

  /** Asked of the engine at its first use, within the handler: the gateway's own answers need none. */
  #peerAddress(): string {
    this.#peer ??= this.#downstream.solePeer?.address ?? this.#exchange.peerAddress();
    return this.#peer;
  }

  /** What a trusted proxy in front calls the request, so that both logs agree; else a name of our own. */
  #nameOf({ fields: { requestId } }: RequestHead): string {
    const { trusted, requestIds } = this.#context;
    const isKept =
      requestId !== undefined &&
      isUsableRequestId(requestId) &&
      trusted.clientOf(this.#peerAddress(), undefined).isConfigured;
    return isKept ? requestId : requestIds.next();
  }

  #cameByHttps(head: RequestHead, match: Match): boolean {
    if (this.#downstream.scheme === 'https') return true;
    if (!saysItCameByHttps(head, match)) return false;
    return this.#context.trusted.clientOf(this.#peerAddress(), undefined).isTrusted;
  }

  // --- ClientBodyReceiver ---

  body(piece: Buffer, last: boolean): void {
    this.#forwarding?.requestBody(piece, last);
  }

  // --- ExchangeOwner ---

  aborted(error: ProxyError): void {
    this.#forwarding?.abort();
    this.#status = clientWentAway;
    this.#context.options.counters.clientAborts++;
    reportFailure(this.#context.options.logger, this.#known(), error);
    this.#end();
  }

  writable(): void {
    this.#forwarding?.clientWritable();
  }

  // --- ForwardingEnd ---

  completed(status: number): void {
    this.#status = status;
    this.#end();
  }

  upgraded(connection: UpstreamConnection, response: ResponseHead, rest: Buffer): void {
    const offer = this.#head?.webSocket;
    const support = this.#downstream.webSocket;
    if (offer === undefined || support?.context === undefined) return;
    const agreed = readUpgradeResponse(response, offer);
    if (typeof agreed === 'string') {
      connection.destroy();
      const phase = 'await-response';
      const kind = 'http_upgrade_failed';
      this.failed({ source: 'upstream', phase, kind, requestSent: true, detail: agreed }, true);
      return;
    }
    const relay = this.#context.relays.join(connection);
    relay.tunnelled(rest);
    const start = writeSwitchingProtocols(response, agreed.lines, {
      via: this.#context.options.product,
      requestId: this.#requestId,
    });
    const { key } = offer;
    const { context } = support;
    // First, as the upgrade itself may close what it opens.
    support.upgraded();
    this.#status = 101;
    this.#exchange.upgrade(start, { key, protocol: agreed.protocol, context, data: { relay } });
    this.#end();
  }

  failed(error: ProxyError, answerable: boolean): void {
    const { options, answers } = this.#context;
    if (error.source === 'upstream') options.counters.upstreamFailures++;
    reportFailure(this.#context.options.logger, this.#known(), error);
    this.#status = statusOf(error);
    if (answerable) this.#send(answers.failed(error, this.#head?.fields.accept ?? ''));
    else this.#exchange.cut();
    this.#end();
  }

  #failHere(kind: ProxyErrorKind): void {
    this.failed({ source: 'gateway', phase: 'connect', kind, requestSent: false }, true);
  }

  /** A refused request may hide another one behind it: its connection is not used again. */
  #refuse(reason: string, framingInDoubt: boolean): void {
    this.#context.options.logger.debug({ reason, requestId: this.#requestId }, 'request refused');
    if (framingInDoubt) {
      this.#exchange.cut();
    } else {
      this.#exchange.closeAfterResponse();
      this.#send(this.#context.answers.refused(reason));
    }
    this.#end();
  }

  #send({ status, lines, body }: GatewayAnswer): void {
    this.#status = Number.parseInt(status, 10);
    const hsts = this.#hsts === undefined ? '' : `\r\nStrict-Transport-Security: ${this.#hsts}`;
    const toHead = this.#head?.method === 'HEAD';
    const start = {
      status,
      requestId: this.#requestId,
      lines: lines + hsts,
      isAscii: true,
      withheldLength: toHead ? Buffer.byteLength(body) : undefined,
    };
    this.#exchange.respond(start, toHead ? undefined : body);
    this.#end();
  }

  #end(): void {
    if (this.#forwarding !== undefined) this.#context.active.delete(this.#forwarding);
    if (!this.#counted) return;
    this.#counted = false;
    this.#context.options.counters.requestsActive--;
    this.#context.options.meter?.answered(this.#match?.route.api.name, this.#status);
    const { accessLog } = this.#context.options;
    if (accessLog !== undefined) this.#record(accessLog);
  }

  #record(accessLog: AccessLog): void {
    accessLog.record(
      accessEntry(this.#known(), {
        client: this.#peer ?? '',
        scheme: this.#downstream.scheme,
        status: this.#status,
        durationMs: this.#context.exchanges.now() - this.#startedAt,
      }),
    );
  }

  #known(): KnownRequest {
    return { requestId: this.#requestId, head: this.#head, match: this.#match };
  }
}
