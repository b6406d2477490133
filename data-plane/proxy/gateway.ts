import type { HttpRequest, HttpResponse, WebSocketBehavior } from 'uWebSockets.js';
import { performance } from 'node:perf_hooks';
import type { Logger } from '../../shared/logger.js';
import type { AccessLog } from '../access-log/access-log.js';
import type { RequestMeter } from '../metrics/request-meter.js';
import type { RouteTable } from '../routing/route-table.js';
import type { Downstream, GatewayHandler } from './client/downstream.js';
import { EngineTurn } from './client/engine-turn.js';
import type { ExchangeContext } from './client/exchange-owner.js';
import { ExchangeTicker } from './client/exchange-ticker.js';
import { ActiveForwardings } from './forwarding/active-forwardings.js';
import type { ForwardingContext } from './forwarding/forwarding-context.js';
import { GatewayAnswers } from './gateway-answers.js';
import { GatewayRequest } from './gateway-request.js';
import { defaultProxyLimits, type ProxyLimits } from './proxy-limits.js';
import { RequestIds } from './request-ids.js';
import { type TrustedProxies, trustEverybody } from './trusted-proxies.js';
import type { ResolveName } from './upstream/address-book.js';
import {
  UpstreamClient,
  type UpstreamObserver,
  type UpstreamTls,
} from './upstream/upstream-client.js';
import type { RelayData } from './web-socket/web-socket-relay.js';
import { WebSocketRelays } from './web-socket/web-socket-relays.js';
import type { WebSocketRoute } from './web-socket/web-socket-route.js';

/** Plain numbers that the gateway counts up and down; whoever made them reads them at any time. */
export interface ProxyCounters {
  requestsTotal: number;
  requestsActive: number;
  upstreamFailures: number;
  clientAborts: number;
  /** Endpoints of upstreams with several that were taken out of rotation. */
  endpointEjections: number;
  /** Those of them that are out now. */
  endpointsEjected: number;
}

export interface GatewayOptions {
  readonly routes: RouteTable;
  readonly logger: Logger;
  /** `signet/<version>`: the value of `Server` and `Via`. */
  readonly product: string;
  readonly counters: ProxyCounters;
  /** Default: nothing is counted by API or timed. */
  readonly meter?: RequestMeter;
  /** While true, connections are closed after their answer. */
  readonly isDraining: () => boolean;
  readonly limits?: Partial<ProxyLimits>;
  /** Default: verified against the system's roots. */
  readonly upstreamTls?: UpstreamTls;
  /** Default: everybody, as Kong does. */
  readonly trustedProxies?: TrustedProxies;
  /** Whether a TLS client is told (421) that its server name and `Host` belong to different APIs. */
  readonly refuseMisdirected?: boolean;
  /** Where redirects from plain HTTP lead: the TLS listener's port as clients see it. */
  readonly httpsPort: number;
  /** Told of every request once it has ended; default: nobody is. */
  readonly accessLog?: AccessLog;
  readonly resolve?: ResolveName;
  /** Milliseconds, never going back. */
  readonly now?: () => number;
}

/** What a listener needs of a gateway. */
export type ListenerGateway = Pick<Gateway, 'handle' | 'webSocketBehavior'>;

/** The parts of a gateway that its requests share. */
export interface GatewayContext {
  readonly options: GatewayOptions;
  readonly exchanges: ExchangeContext;
  readonly forwarding: ForwardingContext;
  readonly answers: GatewayAnswers;
  /** This gateway in `Via`: `signet` of `signet/1.2.3`. */
  readonly viaName: string;
  readonly trusted: TrustedProxies;
  readonly active: ActiveForwardings;
  readonly relays: WebSocketRelays;
  readonly requestIds: RequestIds;
}

const deadlineCheckMs = 1_000;

/** Answers the requests of one worker thread: routes them, forwards them, or says why not. */
export class Gateway {
  readonly #context: GatewayContext;
  readonly #client: UpstreamClient;
  readonly #timer: NodeJS.Timeout;
  /** To be registered by every listener of the thread. */
  readonly handle: GatewayHandler;
  /** To be marked by whoever runs code in another engine callback of this thread. */
  readonly turn = new EngineTurn();

  constructor(options: GatewayOptions) {
    const now = options.now ?? (() => performance.now());
    const limits = { ...defaultProxyLimits, ...options.limits };
    const { resolve, upstreamTls } = options;
    this.#client = new UpstreamClient({
      limits,
      now,
      observer: ejectionReport(options),
      ...(resolve === undefined ? {} : { resolve }),
      ...(upstreamTls === undefined ? {} : { tls: upstreamTls }),
    });
    const ticker = new ExchangeTicker(now, shortest(limits));
    this.#context = {
      options,
      exchanges: { turn: this.turn, ticker, limits, now },
      forwarding: { client: this.#client, limits, now, via: options.product, meter: options.meter },
      answers: new GatewayAnswers(options.product),
      viaName: options.product.split('/', 1)[0] ?? options.product,
      trusted: options.trustedProxies ?? trustEverybody,
      active: new ActiveForwardings(),
      relays: new WebSocketRelays(limits, this.turn),
      requestIds: new RequestIds(),
    };
    this.#timer = setInterval(() => this.#checkDeadlines(now()), shortest(limits));
    this.#timer.unref();
    this.handle = (res: HttpResponse, req: HttpRequest, downstream: Downstream) => {
      GatewayRequest.answer(this.#context, res, req, downstream);
    };
  }

  /**
   * What an app passes to its one `ws('/*')` route.
   * @param downstream of requests on the app's default router; its `webSocket` is the same `route`.
   */
  webSocketBehavior(route: WebSocketRoute, downstream: Downstream): WebSocketBehavior<RelayData> {
    const { limits } = this.#context.exchanges;
    return route.behavior(limits, (res, req) => this.handle(res, req, downstream));
  }

  /**
   * Says goodbye (1001) on every WebSocket: draining must not wait for them.
   * @returns how many there were; their clients need a moment to take it.
   */
  closeWebSockets(): number {
    const { relays } = this.#context;
    const count = relays.size;
    relays.goAway();
    return count;
  }

  /** Stops the timers and closes unused upstream connections; to be called when all listeners are closed. */
  close(): void {
    clearInterval(this.#timer);
    this.#context.exchanges.ticker.close();
    this.#client.close();
  }

  #checkDeadlines(at: number): void {
    this.#context.active.checkDeadlines(at);
    this.#client.expire(at);
  }
}

function ejectionReport({ logger, counters }: GatewayOptions): UpstreamObserver {
  return {
    ejected(upstream, { host, port }, failures, ejectedForMs) {
      counters.endpointEjections++;
      counters.endpointsEjected++;
      logger.warn({ upstream, host, port, failures, ejectedForMs }, 'upstream endpoint ejected');
    },
    returned(upstream, { host, port }) {
      counters.endpointsEjected--;
      logger.info({ upstream, host, port }, 'upstream endpoint back in rotation');
    },
  };
}

/** How often limits are looked at: often enough for the shortest of them. */
function shortest(limits: ProxyLimits): number {
  const times = [
    limits.connectTimeoutMs,
    limits.responseTimeoutMs,
    limits.responseIdleTimeoutMs,
    limits.upstreamWriteTimeoutMs,
    limits.clientReadTimeoutMs,
    limits.clientWriteTimeoutMs,
  ];
  return Math.max(10, Math.min(deadlineCheckMs, ...times.map((time) => time / 4)));
}
