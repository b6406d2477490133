import type { Revision } from '../../../shared/revision.js';
import type { RejectedEntry } from '../../../shared/snapshot.js';
import type { NodeHealth } from '../../../shared/snapshot-protocol.js';
import type { RecordedAck } from '../../distribution/ack-history.js';
import type { AppliedReport } from '../../distribution/applied-barrier.js';
import { lagOf, type NodeStatus } from '../../distribution/node-registry.js';
import type { JsonSchema } from './json-schema.js';

const text: JsonSchema = { type: 'string' };
const flag: JsonSchema = { type: 'boolean' };
const count: JsonSchema = { type: 'integer', minimum: 0 };
const epochMs: JsonSchema = { type: 'integer', description: 'Milliseconds since the epoch.' };
const listOf = (items: JsonSchema): JsonSchema => ({ type: 'array', items });
const object = (
  properties: Readonly<Record<string, JsonSchema>>,
  ...optional: readonly string[]
): JsonSchema => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
});

const rejectionFields = { certificate_id: text, hosts: listOf(text), reason: text };
const rejections = listOf(object(rejectionFields));

export const nodeSchema: JsonSchema = object(
  {
    id: text,
    name: text,
    joined_at: epochMs,
    connected: flag,
    address: text,
    version: text,
    plugins_available: listOf(text),
    plugins_disagree: flag,
    ready: flag,
    workers: count,
    workers_wanted: count,
    revision: { ...count, description: 'The last one that the node proved to serve.' },
    lag: {
      ...count,
      description:
        'Revisions between that one and the newest that concerns nodes; all if it has proved none.',
    },
    digest: text,
    digest_mismatches: count,
    rejections,
    last_seen_at: epochMs,
    traffic: {
      ...object(
        {
          connections_active: count,
          connections_accepted: count,
          tls_connections_accepted: count,
          requests_active: count,
          requests_total: count,
          upstream_failures: count,
        },
        ...['tls_connections_accepted', 'upstream_failures'],
      ),
      description: 'Since the node started, as it said when it was last seen.',
    },
  },
  ...['address', 'version', 'plugins_available', 'workers', 'workers_wanted'],
  ...['revision', 'lag', 'digest', 'last_seen_at', 'traffic'],
);

export const ackSchema: JsonSchema = object({
  node_id: text,
  acked_at: epochMs,
  revision: count,
  digest: text,
  rejections,
});

const nodeName = { id: text, name: text };

export const appliedSchema: JsonSchema = object({
  revision: count,
  complete: flag,
  applied: listOf(object(nodeName)),
  stragglers: listOf(object({ ...nodeName, connected: flag, revision: count }, 'revision')),
  rejections: listOf(object({ node_id: text, node_name: text, ...rejectionFields })),
});

export function presentNode(node: NodeStatus, newest: Revision | undefined): object {
  const { health, revision } = node;
  return {
    id: node.id,
    name: node.name,
    joined_at: node.joinedAt,
    connected: node.isConnected,
    address: node.address,
    version: node.version,
    plugins_available: node.pluginsAvailable,
    plugins_disagree: node.pluginsDisagree,
    ready: node.isConnected && health?.ready === true,
    workers: health?.workers,
    workers_wanted: health?.workersWanted,
    revision,
    lag: newest === undefined ? undefined : lagOf(node, newest),
    digest: node.digest,
    digest_mismatches: node.digestMismatches,
    rejections: node.rejections.map(presentRejection),
    last_seen_at: node.lastSeenAt,
    traffic: health?.traffic && presentTraffic(health.traffic),
  };
}

function presentTraffic(traffic: NonNullable<NodeHealth['traffic']>): object {
  return {
    connections_active: traffic.connectionsActive,
    connections_accepted: traffic.connectionsAccepted,
    tls_connections_accepted: traffic.tlsConnectionsAccepted,
    requests_active: traffic.requestsActive,
    requests_total: traffic.requestsTotal,
    upstream_failures: traffic.upstreamFailures,
  };
}

export function presentAck({ nodeId, ackedAt, revision, digest, ...ack }: RecordedAck): object {
  const rejections = ack.rejections.map(presentRejection);
  return { node_id: nodeId, acked_at: ackedAt, revision, digest, rejections };
}

export function presentApplied(report: AppliedReport): object {
  return {
    revision: report.revision,
    complete: report.isApplied,
    applied: report.applied,
    stragglers: report.stragglers.map(({ id, name, isConnected, revision }) => ({
      id,
      name,
      connected: isConnected,
      revision,
    })),
    rejections: report.rejections.map(({ nodeId, nodeName: name, ...rejection }) => ({
      node_id: nodeId,
      node_name: name,
      ...presentRejection(rejection),
    })),
  };
}

function presentRejection({ certificateId, hosts, reason }: RejectedEntry): object {
  return { certificate_id: certificateId, hosts, reason };
}
