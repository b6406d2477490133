import type { RequestMeter } from '../../metrics/request-meter.js';
import type { UpstreamTarget } from '../../routing/upstream-target.js';
import type { ClientExchange } from '../client/client-exchange.js';
import type { RequestHead } from '../client/request-head.js';
import type { ProxyError } from '../proxy-error.js';
import type { ProxyLimits } from '../proxy-limits.js';
import type { ResponseHead } from '../upstream/response-head.js';
import type { UpstreamClient } from '../upstream/upstream-client.js';
import type { UpstreamConnection } from '../upstream/upstream-connection.js';
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
