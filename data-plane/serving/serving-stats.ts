/** For `/status` and the metrics; sums over workers and processes. */
export interface ServingStats {
  /** Threads that answered. */
  readonly workers: number;
  readonly connectionsActive: number;
  readonly connectionsAccepted: number;
  readonly requestsTotal: number;
  readonly requestsActive: number;
  readonly upstreamFailures: number;
  readonly clientAborts: number;
  /** Replaced generations of contexts that still have connections. */
  readonly generationsDraining: number;
  readonly generationsTotal: number;
  readonly contexts: number;
  /** Engine apps given up until their thread ends, about 90 KB each. */
  readonly discardedApps: number;
  readonly workerRestarts: number;
}

export function sumStats(all: readonly ServingStats[]): ServingStats {
  const sum = (name: keyof ServingStats) => all.reduce((total, each) => total + each[name], 0);
  return {
    workers: sum('workers'),
    connectionsActive: sum('connectionsActive'),
    connectionsAccepted: sum('connectionsAccepted'),
    requestsTotal: sum('requestsTotal'),
    requestsActive: sum('requestsActive'),
    upstreamFailures: sum('upstreamFailures'),
    clientAborts: sum('clientAborts'),
    generationsDraining: sum('generationsDraining'),
    generationsTotal: sum('generationsTotal'),
    contexts: sum('contexts'),
    discardedApps: sum('discardedApps'),
    workerRestarts: sum('workerRestarts'),
  };
}

/** What remains of a worker that has ended: what it counted up, not what it held. */
export function pastStats(stats: ServingStats): ServingStats {
  return {
    ...stats,
    connectionsActive: 0,
    requestsActive: 0,
    generationsDraining: 0,
    contexts: 0,
    discardedApps: 0,
  };
}
