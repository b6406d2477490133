import { type RequestCounts, upstreamPhases } from '../metrics/request-meter.js';
import type { ServingStats } from '../serving/serving-stats.js';
import type { NodeStatusSources } from './node-status.js';
import { counter, exposition, type Family, gauge, histogram } from './open-metrics.js';

/** The body of `GET /metrics`, in OpenMetrics text. What is not known is left out. */
export function nodeMetrics(sources: NodeStatusSources, now: number): string {
  const stats = sources.stats();
  return exposition([
    ...stateFamilies(sources, now),
    ...(stats === undefined ? [] : [...tlsFamilies(stats), ...requestFamilies(stats)]),
  ]);
}

function stateFamilies(sources: NodeStatusSources, now: number): readonly Family[] {
  const { ready, workers, workersWanted } = sources.health();
  const { isConnected, head, staleSince } = sources.link();
  const { revision } = sources.snapshot();
  const staleSeconds = staleSince === undefined ? 0 : Math.max(0, now - staleSince) / 1000;
  return [
    gauge('signet_node_ready', 'Whether certificates are usable.', Number(ready)),
    gauge('signet_node_connected', 'Whether a control plane is connected.', Number(isConnected)),
    gauge(
      'signet_node_stale_seconds',
      'For how long there has been no control plane.',
      staleSeconds,
    ),
    gauge('signet_node_revision', 'Revision of the snapshot in the store.', revision),
    gauge('signet_node_head_revision', 'Newest revision the node has heard of.', head),
    histogram(
      'signet_node_apply_seconds',
      'From a snapshot to the proof that every worker serves it.',
      [[{}, sources.applied()]],
    ),
    gauge('signet_node_workers', 'Worker threads that serve.', workers),
    gauge('signet_node_workers_wanted', 'Worker threads that ought to serve.', workersWanted),
  ];
}

/** The engine tells neither a handshake's end nor its failure: what it asks for is counted. */
function tlsFamilies(stats: ServingStats): readonly Family[] {
  const lookups = [
    [{ outcome: 'built' }, stats.contextsBuilt],
    [{ outcome: 'no_certificate' }, stats.namesUnknown],
    [{ outcome: 'unusable_name' }, stats.namesUnusable],
    [{ outcome: 'not_loaded' }, stats.namesFailed],
  ] as const;
  return [
    counter(
      'signet_node_tls_connections',
      'TLS connections taken, those that test certificates included.',
      stats.tlsConnectionsAccepted,
    ),
    counter(
      'signet_node_server_name_lookups',
      'Names that handshakes asked for and had no context, by what came of it.',
      lookups,
    ),
    gauge('signet_node_contexts', 'TLS contexts in memory, over all workers.', stats.contexts),
    counter('signet_node_contexts_built', 'TLS contexts made.', stats.contextsBuilt),
    counter(
      'signet_node_contexts_freed',
      'TLS contexts given up: replaced, or over the budget.',
      Math.max(0, stats.contextsBuilt - stats.contexts),
    ),
    gauge(
      'signet_node_generations',
      'Generations of contexts in use, over all workers.',
      stats.workers + stats.generationsDraining,
    ),
    gauge(
      'signet_node_generations_draining',
      'Replaced generations in use.',
      stats.generationsDraining,
    ),
  ];
}

function requestFamilies(stats: ServingStats): readonly Family[] {
  return [
    gauge('signet_node_connections', 'Client connections now.', stats.connectionsActive),
    counter('signet_node_connections_accepted', 'Client connections.', stats.connectionsAccepted),
    gauge('signet_node_requests_active', 'Requests under way.', stats.requestsActive),
    counter(
      'signet_node_requests',
      'Requests that have ended, by API and class of the status; APIs beyond the first hundred together.',
      requestsByApi(stats.requests),
    ),
    histogram(
      'signet_node_upstream_seconds',
      'Time until an upstream was connected, until its answer began, and until it was whole.',
      upstreamPhases.map((phase) => [{ phase }, stats.requests.upstream[phase]] as const),
    ),
    counter(
      'signet_node_upstream_failures',
      'Requests that an upstream failed.',
      stats.upstreamFailures,
    ),
    counter(
      'signet_node_endpoint_ejections',
      'Targets of upstreams that a worker left out because they failed.',
      stats.endpointEjections,
    ),
    gauge('signet_node_endpoints_ejected', 'Those that are left out now.', stats.endpointsEjected),
    counter(
      'signet_node_connections_refused',
      'Connections closed before their handshake, because there were too many.',
      stats.connectionsRefused,
    ),
    counter('signet_node_client_aborts', 'Requests that a client gave up.', stats.clientAborts),
    counter(
      'signet_node_access_log_lines_dropped',
      'Lines of the access log that a slow disk has cost.',
      stats.accessLogDropped,
    ),
    counter(
      'signet_node_worker_restarts',
      'Worker threads that had to be replaced.',
      stats.workerRestarts,
    ),
    gauge(
      'signet_node_event_loop_delay_p99_seconds',
      'Delay of the slowest worker in the last second; stalls below 20 ms may go unseen.',
      stats.eventLoopDelayMs / 1000,
    ),
  ];
}

function requestsByApi({ byApi }: RequestCounts) {
  return byApi.flatMap(([api, classes]) =>
    classes.flatMap((count, index) =>
      count === 0 ? [] : [[{ api, status: `${index + 1}xx` }, count] as const],
    ),
  );
}
