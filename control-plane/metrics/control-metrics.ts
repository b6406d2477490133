import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type OpenMetricsContentType,
  Registry,
} from 'prom-client';
import { lagOf, type NodeRegistry, type NodeStatus } from '../distribution/node-registry.js';
import type { ControlState } from '../ports/control-state.js';
import { expiriesOf, maxHostsShown } from './expiries.js';

const expiryWindowsDays = [0, 1, 7, 14, 30];
const dayMs = 86_400_000;
/** From a fast disk's sync to a slow network's. */
const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
/** Gauges that prom-client names like counters; each of them has a twin by type, under a good name. */
const misnamed = ['handles', 'requests', 'resources'].map((of) => `nodejs_active_${of}_total`);
/** Revisions whose time is kept for nodes that have yet to acknowledge them. */
const maxRecordedTimes = 10_000;

/** What is asked of the node registry. */
type Nodes = Pick<NodeRegistry, 'node' | 'nodes' | 'watch'>;

/** The control plane's metrics, by Prometheus' rules for names and units. */
export class ControlMetrics {
  readonly registry: Registry<OpenMetricsContentType>;
  readonly appendSeconds: Histogram<'outcome'>;
  readonly eventsAppended: Counter;
  readonly requestSeconds: Histogram<'method' | 'route' | 'status'>;

  constructor() {
    const registry = new Registry<OpenMetricsContentType>();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    const registers = [registry];
    this.registry = registry;
    collectDefaultMetrics({ register: registry });
    for (const name of misnamed) registry.removeSingleMetric(name);
    this.appendSeconds = new Histogram({
      name: 'signet_log_append_seconds',
      help: 'Time of an append to the event log until it is durable, by outcome.',
      labelNames: ['outcome'],
      buckets: secondsBuckets,
      registers,
    });
    this.eventsAppended = new Counter({
      name: 'signet_log_events_total',
      help: 'Events appended by this control plane.',
      registers,
    });
    this.requestSeconds = new Histogram({
      name: 'signet_admin_request_seconds',
      help: 'Time to answer a request of the admin API, by method, route pattern and status.',
      labelNames: ['method', 'route', 'status'],
      buckets: secondsBuckets,
      registers,
    });
  }

  /** Adds what is read off the folded log whenever the metrics are asked for. */
  watchState(control: ControlState): void {
    const gauge = (name: string, help: string, read: () => number) =>
      new Gauge({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.set(read());
        },
      });
    gauge('signet_log_revision', 'Revision of the last event folded.', () => headOf(control));
    gauge('signet_apis', 'APIs configured.', () => control.state.apis.size);
    gauge('signet_certificates', 'Certificates stored.', () => control.state.certificates.size);
    new Gauge({
      name: 'signet_certificate_not_after_timestamp_seconds',
      help: `End of validity of the certificate bound to a host; the ${maxHostsShown} that end first.`,
      labelNames: ['host'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const { host, notAfter } of expiriesOf(control.state).soonest) {
          this.set({ host }, notAfter / 1000);
        }
      },
    });
    new Gauge({
      name: 'signet_expiring_hosts',
      help: 'Hosts whose bound certificate ends within so many days; 0: it has ended.',
      labelNames: ['within_days'],
      registers: [this.registry],
      collect() {
        for (const days of expiryWindowsDays) {
          const ended = expiriesOf(control.state).endedBy(Date.now() + days * dayMs);
          this.set({ within_days: String(days) }, ended);
        }
      },
    });
  }

  /** Adds what nodes say of themselves. @returns a function that ends it. */
  watchNodes(nodes: Nodes, control: ControlState): () => void {
    this.#addNodeGauges(nodes, control);
    return this.#timePropagation(nodes, control);
  }

  #addNodeGauges(nodes: Nodes, control: ControlState): void {
    const perNode = (name: string, help: string, read: (node: NodeStatus) => number | undefined) =>
      new Gauge({
        name,
        help,
        labelNames: ['node'],
        registers: [this.registry],
        collect() {
          this.reset();
          for (const node of nodes.nodes()) {
            const value = read(node);
            if (value !== undefined) this.set({ node: node.name }, value);
          }
        },
      });
    perNode('signet_node_connected', 'Whether the node holds its stream: 1 or 0.', (node) =>
      Number(node.isConnected),
    );
    perNode(
      'signet_node_revision',
      'Revision that the node proved to serve.',
      (node) => node.revision,
    );
    perNode('signet_node_lag_revisions', 'Revisions that the node is behind.', (node) =>
      lagOf(node, headOf(control)),
    );
    perNode(
      'signet_node_rejected_certificates',
      'Certificates that the node could not load; it serves the last good ones.',
      (node) => node.rejections.length,
    );
    perNode(
      'signet_node_plugins_disagree',
      'Whether plugins_available differs from this control plane: 1 or 0.',
      (node) => Number(node.pluginsDisagree),
    );
    new Counter({
      name: 'signet_node_digest_mismatches_total',
      help: 'Times that the state of the node was not what its revision ought to have.',
      labelNames: ['node'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const { name, digestMismatches } of nodes.nodes()) {
          this.inc({ node: name }, digestMismatches);
        }
      },
    });
  }

  #timePropagation(nodes: Nodes, control: ControlState): () => void {
    const propagation = new Histogram({
      name: 'signet_propagation_seconds',
      help: 'Time from recording a change until a node proved to serve it, for each node.',
      labelNames: ['node'],
      buckets: secondsBuckets,
      registers: [this.registry],
    });
    const recordedAt = new Map<number, number>();
    const acknowledged = new Map<string, number>();
    const stopRecording = control.onRecorded((events) => {
      const now = performance.now();
      for (const { revision } of events) recordedAt.set(revision, now);
      for (const revision of recordedAt.keys()) {
        if (recordedAt.size <= maxRecordedTimes) break;
        recordedAt.delete(revision);
      }
    });
    const observe = ({ id, name, revision }: NodeStatus) => {
      if (revision === undefined || acknowledged.get(id) === revision) return;
      acknowledged.set(id, revision);
      const at = recordedAt.get(revision);
      if (at !== undefined) propagation.observe({ node: name }, (performance.now() - at) / 1000);
    };
    const stopWatching = nodes.watch((nodeId) => {
      const changed = nodeId === undefined ? undefined : nodes.node(nodeId);
      for (const node of changed === undefined ? nodes.nodes() : [changed]) observe(node);
    });
    return () => {
      stopRecording();
      stopWatching();
    };
  }
}

/** -1 for a log without events, so that revision 0 is a step up. */
function headOf({ head }: ControlState): number {
  return head === 'empty' ? -1 : head;
}
