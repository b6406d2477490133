import type { Revision } from '../../shared/revision.js';
import type { NodeHealth } from '../../shared/snapshot-protocol.js';
import type { HistogramCounts } from '../metrics/histogram.js';
import type { ServingCounts, ServingStats } from '../serving/serving-stats.js';
import type { LinkStatus } from '../snapshot/subscriber.js';

/** What a node can say of itself without a control plane. Times are milliseconds since the epoch. */
export interface NodeStatusSources {
  readonly nodeName: string;
  readonly version: string;
  readonly health: () => NodeHealth;
  readonly stats: () => ServingStats | undefined;
  readonly link: () => LinkStatus;
  /** From a snapshot's first byte until every worker proved to serve it. */
  readonly applied: () => HistogramCounts;
  readonly snapshot: () => { readonly revision: Revision | undefined; readonly digest: string };
}

/** The body of `GET /status`. */
export function statusDocument(sources: NodeStatusSources): object {
  const { ready, workers, workersWanted } = sources.health();
  const { isConnected, controlPlane, head, staleSince } = sources.link();
  const { revision, digest } = sources.snapshot();
  return {
    node: sources.nodeName,
    version: sources.version,
    ready,
    workers,
    workers_wanted: workersWanted,
    revision,
    digest,
    control_plane: { connected: isConnected, address: controlPlane, head },
    // Served from the node's own store meanwhile; new certificates do not arrive.
    stale: staleSince !== undefined,
    stale_since: staleSince === undefined ? undefined : new Date(staleSince).toISOString(),
    traffic: trafficOf(sources.stats()),
  };
}

/** The counts; requests by API and latencies are for the metrics alone. */
function trafficOf(stats: ServingStats | undefined): ServingCounts | undefined {
  if (stats === undefined) return undefined;
  const { requests: _requests, eventLoopDelayMs: _delay, ...counts } = stats;
  return counts;
}
