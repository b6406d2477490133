/** Bounds of the proxy path. Times are in milliseconds and name the phase they bound. */
export interface ProxyLimits {
  /** Name resolution, TCP and TLS handshake with one address of the upstream. */
  readonly connectTimeoutMs: number;
  /** After which an address that has not answered is joined by the next one (RFC 8305 §5). */
  readonly nextAddressAfterMs: number;
  /** From the request's last byte to the response's head. */
  readonly responseTimeoutMs: number;
  /** Between two pieces of a response body; the longest silence of an event stream. */
  readonly responseIdleTimeoutMs: number;
  /** How long an upstream may take nothing of a request body that is ready for it. */
  readonly upstreamWriteTimeoutMs: number;
  /** How long a client may send nothing of a body that it announced. */
  readonly clientReadTimeoutMs: number;
  /** How long a client may take nothing of a response that is ready for it. */
  readonly clientWriteTimeoutMs: number;
  /** How long an unused connection to an upstream is kept; an upstream's own hint shortens it. */
  readonly upstreamKeepAliveMs: number;
  /** Connections to one upstream, from one worker thread. */
  readonly maxConnectionsPerUpstream: number;
  /** Unused ones of them that are kept. */
  readonly maxIdlePerUpstream: number;
  /** Requests that wait for a connection when all are in use; more get 503, as do those that wait too long. */
  readonly maxWaitingPerUpstream: number;
  readonly maxResponseHeadBytes: number;
  /** Bytes of one request body held in memory when the upstream is slower; what is above it goes to disk. */
  readonly maxBufferedRequestBytes: number;
  /**
   * Bytes of one request body held on disk; above it the client is cut. A pause takes effect only once a
   * read of the engine is not full, and until then a fast client on a short path may send all it has.
   */
  readonly maxSpooledRequestBytes: number;
  /** Bytes of WebSocket messages held in memory for one peer; above it the connection is closed. */
  readonly maxBufferedWebSocketBytes: number;
  readonly maxWebSocketMessageBytes: number;
  /** How often an address or endpoint may fail in a row before others take its place, and for how long. */
  readonly ejectAfterFailures: number;
  readonly ejectForMs: number;
  /** An endpoint that fails again and again is ejected for twice as long each time, up to this. */
  readonly maxEjectForMs: number;
  /** Statuses that count as failures of an endpoint. */
  readonly failureStatuses: readonly number[];
  /** With fewer endpoints left than this share, ejections are ignored; 0: only if none is left. */
  readonly panicBelowPercent: number;
}

export const defaultProxyLimits: ProxyLimits = {
  connectTimeoutMs: 10_000,
  nextAddressAfterMs: 250,
  responseTimeoutMs: 300_000,
  responseIdleTimeoutMs: 600_000,
  upstreamWriteTimeoutMs: 60_000,
  clientReadTimeoutMs: 60_000,
  clientWriteTimeoutMs: 60_000,
  upstreamKeepAliveMs: 30_000,
  maxConnectionsPerUpstream: 1024,
  maxIdlePerUpstream: 128,
  maxWaitingPerUpstream: 1024,
  maxResponseHeadBytes: 65_536,
  maxBufferedRequestBytes: 1024 * 1024,
  maxSpooledRequestBytes: 4 * 1024 * 1024 * 1024,
  maxBufferedWebSocketBytes: 16 * 1024 * 1024,
  maxWebSocketMessageBytes: 16 * 1024 * 1024,
  ejectAfterFailures: 3,
  ejectForMs: 10_000,
  maxEjectForMs: 300_000,
  failureStatuses: [502, 503, 504],
  panicBelowPercent: 50,
};
