import type { Revision } from '../../shared/revision.js';
import type { NodeHealth } from '../../shared/snapshot-protocol.js';
import type { ServingStats } from '../serving/serving-stats.js';
import type { LinkStatus } from '../snapshot/subscriber.js';

/** What a node can say of itself without a control plane. Times are milliseconds since the epoch. */
export interface NodeStatusSources {
  readonly nodeName: string;
  readonly version: string;
  readonly health: () => NodeHealth;
  readonly stats: () => ServingStats | undefined;
  readonly link: () => LinkStatus;
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
    traffic: sources.stats(),
  };
}

interface Metric {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly value: number | undefined;
}

/** The body of `GET /metrics`, in Prometheus' text format. What is not known is left out. */
export function metricsText(sources: NodeStatusSources, now: number): string {
  const { ready, workers, workersWanted } = sources.health();
  const { isConnected, head, staleSince } = sources.link();
  const { revision } = sources.snapshot();
  const stats = sources.stats();
  const gauge = (name: string, help: string, value: number | undefined): Metric => ({
    ...{ name: `signet_node_${name}`, type: 'gauge' },
    ...{ help, value },
  });
  const counter = (name: string, help: string, value: number | undefined): Metric => ({
    ...{ name: `signet_node_${name}_total`, type: 'counter' },
    ...{ help, value },
  });
  const staleSeconds = staleSince === undefined ? 0 : Math.max(0, now - staleSince) / 1000;
  const metrics: readonly Metric[] = [
    gauge('ready', 'Whether certificates are usable.', Number(ready)),
    gauge('connected', 'Whether a control plane is connected.', Number(isConnected)),
    gauge('stale_seconds', 'For how long there has been no control plane.', staleSeconds),
    gauge('revision', 'Revision of the snapshot in the store.', revision),
    gauge('head_revision', 'Newest revision the node has heard of.', head),
    gauge('workers', 'Worker threads that serve.', workers),
    gauge('workers_wanted', 'Worker threads that ought to serve.', workersWanted),
    gauge('connections', 'Client connections now.', stats?.connectionsActive),
    gauge('requests_active', 'Requests under way.', stats?.requestsActive),
    gauge('contexts', 'TLS contexts in memory, over all workers.', stats?.contexts),
    gauge('generations_draining', 'Replaced generations in use.', stats?.generationsDraining),
    counter('connections_accepted', 'Client connections.', stats?.connectionsAccepted),
    counter('requests', 'Requests.', stats?.requestsTotal),
    counter('upstream_failures', 'Requests that an upstream failed.', stats?.upstreamFailures),
    counter('client_aborts', 'Requests that a client gave up.', stats?.clientAborts),
    counter('worker_restarts', 'Worker threads that had to be replaced.', stats?.workerRestarts),
  ];
  return metrics
    .flatMap(({ name, type, help, value }) =>
      value === undefined
        ? []
        : [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, `${name} ${value}`],
    )
    .join('\n')
    .concat('\n');
}
