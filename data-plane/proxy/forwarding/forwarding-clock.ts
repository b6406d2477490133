import type { RequestMeter } from '../../metrics/request-meter.js';
import type { ProxyErrorKind, ProxyPhase } from '../proxy-error.js';
import type { ProxyLimits } from '../proxy-limits.js';

const maxConnectAttempts = 3;
const never = Number.POSITIVE_INFINITY;

/** Which phase a forwarding is in, since when, and how long that may last; moved on by progress. */
export class ForwardingClock {
  readonly #limits: ProxyLimits;
  readonly #meter: RequestMeter | undefined;
  readonly #startedAt: number;
  #sentAt = 0;
  #headAt = 0;
  #deadline: number;
  phase: ProxyPhase = 'connect';

  constructor(startedAt: number, limits: ProxyLimits, meter: RequestMeter | undefined) {
    this.#startedAt = startedAt;
    this.#limits = limits;
    this.#meter = meter;
    // Each address has its own time limit; this one also bounds the wait for a free connection.
    this.#deadline = startedAt + maxConnectAttempts * limits.connectTimeoutMs;
  }

  /** When the upstream was got hold of; 0 before. */
  get sentAt(): number {
    return this.#sentAt;
  }

  get proxyLatencyMs(): number {
    return Math.round(this.#sentAt - this.#startedAt);
  }

  get upstreamLatencyMs(): number {
    return Math.round(this.#headAt - this.#sentAt);
  }

  isOverdue(now: number): boolean {
    return now >= this.#deadline;
  }

  /** What it is called if the present phase takes too long. */
  get timeoutKind(): ProxyErrorKind {
    switch (this.phase) {
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

  connected(now: number): void {
    this.#sentAt = now;
  }

  /** The upstream takes what the client sends; how fast that is, is the client's affair. */
  requestFlows(): void {
    this.phase = 'send-request';
    this.#deadline = never;
  }

  /** The upstream takes no more of the request for now. */
  requestWaits(now: number): void {
    this.phase = 'send-request';
    this.#deadline = now + this.#limits.upstreamWriteTimeoutMs;
  }

  requestWritten(now: number): void {
    this.phase = 'await-response';
    this.#deadline = now + this.#limits.responseTimeoutMs;
  }

  responseBegan(now: number): void {
    this.phase = 'receive-body';
    this.#headAt = now;
    this.#meter?.upstreamTook('connect', this.#sentAt - this.#startedAt);
    this.#meter?.upstreamTook('first_byte', now - this.#sentAt);
    this.responseFlows(now);
  }

  /** The upstream, or the client that it waited for, did something. */
  responseFlows(now: number): void {
    this.#deadline = now + this.#limits.responseIdleTimeoutMs;
  }

  /** Silence is now the client's, and the exchange watches that. */
  responseWaits(): void {
    this.#deadline = never;
  }

  responseComplete(now: number): void {
    this.#meter?.upstreamTook('body', now - this.#headAt);
  }
}
