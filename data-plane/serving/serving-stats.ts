import { addRequestCounts, noRequests, type RequestCounts } from '../metrics/request-meter.js';

/** For `/status` and the metrics; sums over workers and processes. */
export interface ServingStats extends ServingCounts {
  readonly requests: RequestCounts;
  /** 99th percentile within the last second, of the worker that was slowest. */
  readonly eventLoopDelayMs: number;
}

export interface ServingCounts {
  /** Threads that answered. */
  readonly workers: number;
  readonly connectionsActive: number;
  readonly connectionsAccepted: number;
  readonly tlsConnectionsAccepted: number;
  /** Closed before their handshake because there were too many. */
  readonly connectionsRefused: number;
  readonly requestsTotal: number;
  readonly requestsActive: number;
  readonly upstreamFailures: number;
  readonly clientAborts: number;
  /** Endpoints of upstreams with several that a worker took out of rotation. */
  readonly endpointEjections: number;
  /** Those of them that are out now. */
  readonly endpointsEjected: number;
  /** Replaced generations of contexts that still have connections. */
  readonly generationsDraining: number;
  readonly generationsTotal: number;
  readonly contexts: number;
  readonly contextsBuilt: number;
  /** Handshakes that asked for a name with no certificate of its own. */
  readonly namesUnknown: number;
  /** Handshakes that asked for what is no host name, or one in yet another spelling. */
  readonly namesUnusable: number;
  /** Handshakes whose certificate the engine could not load. */
  readonly namesFailed: number;
  /** Engine apps given up until their thread ends, about 90 KB each. */
  readonly discardedApps: number;
  readonly accessLogDropped: number;
  readonly workerRestarts: number;
}

const noCounts: ServingCounts = {
  workers: 0,
  connectionsActive: 0,
  connectionsAccepted: 0,
  tlsConnectionsAccepted: 0,
  connectionsRefused: 0,
  requestsTotal: 0,
  requestsActive: 0,
  upstreamFailures: 0,
  clientAborts: 0,
  endpointEjections: 0,
  endpointsEjected: 0,
  generationsDraining: 0,
  generationsTotal: 0,
  contexts: 0,
  contextsBuilt: 0,
  namesUnknown: 0,
  namesUnusable: 0,
  namesFailed: 0,
  discardedApps: 0,
  accessLogDropped: 0,
  workerRestarts: 0,
};
const countNames = Object.keys(noCounts) as (keyof ServingCounts)[];

export function sumStats(all: readonly ServingStats[]): ServingStats {
  const counts: Record<keyof ServingCounts, number> = { ...noCounts };
  let requests = noRequests;
  let eventLoopDelayMs = 0;
  for (const each of all) {
    for (const name of countNames) counts[name] += each[name];
    requests = addRequestCounts(requests, each.requests);
    eventLoopDelayMs = Math.max(eventLoopDelayMs, each.eventLoopDelayMs);
  }
  return { ...counts, requests, eventLoopDelayMs };
}

/** What remains of a worker that has ended: what it counted up, not what it held. */
export function pastStats(stats: ServingStats): ServingStats {
  return {
    ...stats,
    workers: 0,
    connectionsActive: 0,
    requestsActive: 0,
    endpointsEjected: 0,
    generationsDraining: 0,
    contexts: 0,
    discardedApps: 0,
    eventLoopDelayMs: 0,
  };
}
