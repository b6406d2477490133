import type { ClusterNode, NodeId } from '../../shared/gateway-model.js';
import type { Logger } from '../../shared/logger.js';
import type { Revision } from '../../shared/revision.js';
import type { RejectedEntry } from '../../shared/snapshot.js';
import type { AckMessage, HelloMessage, NodeHealth } from '../../shared/snapshot-protocol.js';
import type { ConnectionCounters } from '../admin-api/admin-context.js';
import type { ServedByNode } from '../domain/state.js';
import type { Clock } from '../ports/clock.js';
import type { AckHistory } from './ack-history.js';
import type { ClusterMembers } from './cluster-members.js';

/** What the control plane knows of an admitted node. Times are milliseconds since the epoch. */
export interface NodeStatus {
  readonly id: NodeId;
  readonly name: string;
  readonly joinedAt: number;
  readonly isConnected: boolean;
  readonly address?: string;
  readonly version?: string;
  readonly pluginsAvailable?: readonly string[];
  /** Whether the node's `plugins_available` differs from this control plane's. */
  readonly pluginsDisagree: boolean;
  readonly health?: NodeHealth;
  /**
   * Last revision that the node proved to serve; absent from when it comes back with less than that until
   * it proves something again.
   */
  readonly revision?: Revision;
  readonly digest?: string;
  readonly rejections: readonly RejectedEntry[];
  /** Times that the node's digest was not what its revision ought to have. */
  readonly digestMismatches: number;
  readonly lastSeenAt?: number;
}

export interface NodeRegistryOptions {
  readonly members: ClusterMembers;
  readonly history: AckHistory;
  readonly pluginsAvailable: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

type Served = Pick<NodeStatus, 'revision' | 'digest' | 'rejections'>;

type Observed = {
  -readonly [Field in keyof Omit<
    NodeStatus,
    'id' | 'name' | 'joinedAt' | keyof Served
  >]: NodeStatus[Field];
} & {
  /** What it acknowledged here. */
  served: Served;
  /** What the log says of it, where the node came back with less since. */
  refuted?: ServedByNode;
};

const nothingServed: Served = { rejections: [] };

/** Hears which node changed; none is named if several may have, or the membership did. */
export type NodeWatcher = (nodeId?: string) => void;

/** Every admitted node, connected or not, with what it last said. */
export class NodeRegistry {
  readonly #options: NodeRegistryOptions;
  readonly #observed = new Map<string, Observed>();
  readonly #watchers = new Set<NodeWatcher>();

  constructor(options: NodeRegistryOptions) {
    this.#options = options;
  }

  nodes(): readonly NodeStatus[] {
    return this.#options.members.members().map((member) => this.#status(member));
  }

  node(id: string): NodeStatus | undefined {
    const member = this.#options.members.member(id);
    return member && this.#status(member);
  }

  /** How many of all nodes serve a revision. Asked after every acknowledgement, so it copies nothing. */
  tally(revision: Revision): { readonly serving: number; readonly total: number } {
    const { members } = this.#options;
    let serving = 0;
    let total = 0;
    for (const id of members.ids()) {
      total += 1;
      if ((this.#served(id).revision ?? -1) >= revision) serving += 1;
    }
    return { serving, total };
  }

  /** Calls `watcher` after whatever a node said, did or became. Returns how to end it. */
  watch(watcher: NodeWatcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Kong's counters, summed over the connected nodes as they last told them. */
  connectionCounters(): ConnectionCounters {
    const traffic = this.nodes().flatMap(({ isConnected, health }) =>
      isConnected && health?.traffic ? [health.traffic] : [],
    );
    const sum = (name: keyof (typeof traffic)[number]) =>
      traffic.reduce((total, each) => total + (each[name] ?? 0), 0);
    const active = sum('connectionsActive');
    const accepted = sum('connectionsAccepted');
    const writing = Math.min(sum('requestsActive'), active);
    return {
      connections_active: active,
      connections_reading: 0,
      connections_writing: writing,
      connections_waiting: active - writing,
      connections_accepted: accepted,
      connections_handled: accepted,
      total_requests: sum('requestsTotal'),
    };
  }

  /**
   * A node said hello, with what it holds of this log. If that is less than it has acknowledged, its store
   * was lost or put back: it counts as serving nothing until it acknowledges again.
   */
  connected(id: string, address: string, hello: HelloMessage, held: Revision | 'empty'): void {
    const { version, pluginsAvailable, health } = hello;
    const own = this.#options.pluginsAvailable;
    const pluginsDisagree = !isSameSet(own, pluginsAvailable);
    if (pluginsDisagree) {
      const fields = {
        nodeId: id,
        nodeName: hello.nodeName,
        node: pluginsAvailable,
        controlPlane: own,
      };
      this.#options.logger.warn(fields, 'plugins_available differs between node and control plane');
    }
    const fresh = {
      version,
      pluginsAvailable,
      health,
      address,
      pluginsDisagree,
      isConnected: true,
    };
    const observed = Object.assign(this.#observe(id), fresh);
    const { revision } = this.#served(id);
    if (revision !== undefined && (held === 'empty' || held < revision)) {
      const refuted = this.#options.members.servedBy(id);
      Object.assign(observed, { served: nothingServed, refuted });
      const fields = { nodeId: id, nodeName: hello.nodeName, acknowledged: revision, held };
      this.#options.logger.warn(fields, 'a node came back with less than it had acknowledged');
    }
    this.#seen(id);
    this.#notify(id);
  }

  disconnected(id: string): void {
    this.#observe(id).isConnected = false;
    this.#notify(id);
  }

  healthChanged(id: string, health: NodeHealth): void {
    this.#observe(id).health = health;
    this.#seen(id);
    this.#notify(id);
  }

  acked(id: string, { revision, digest, rejections }: AckMessage, isExpected: boolean): void {
    const observed = this.#observe(id);
    const { served } = observed;
    const isNews =
      served.revision !== revision ||
      served.digest !== digest ||
      served.rejections.length !== rejections.length;
    observed.served = { revision, digest, rejections };
    if (!isExpected) observed.digestMismatches += 1;
    this.#seen(id);
    if (isNews) {
      const ackedAt = this.#options.clock();
      this.#options.history.record({ nodeId: id, ackedAt, revision, digest, rejections });
    }
    this.#notify(id);
  }

  /** Membership changed, or what another control plane knows of its nodes: those who wait look again. */
  membersChanged(): void {
    this.#notify();
  }

  #seen(id: string): void {
    this.#observe(id).lastSeenAt = this.#options.clock();
  }

  #observe(id: string): Observed {
    const known = this.#observed.get(id);
    if (known) return known;
    const fresh: Observed = {
      isConnected: false,
      pluginsDisagree: false,
      digestMismatches: 0,
      served: nothingServed,
    };
    this.#observed.set(id, fresh);
    return fresh;
  }

  #status({ id, name, joinedAt }: ClusterNode): NodeStatus {
    const { served: _, refuted: __, ...observed } = this.#observe(id);
    return { id, name, joinedAt, ...observed, ...this.#served(id) };
  }

  /** A node that another control plane feeds is known by what the log says of it. */
  #served(id: string): Served {
    const { served, refuted } = this.#observe(id);
    const recorded = this.#options.members.servedBy(id);
    if (recorded === undefined || recorded === refuted) return served;
    return recorded.revision > (served.revision ?? -1) ? recorded : served;
  }

  #notify(nodeId?: string): void {
    for (const watcher of this.#watchers) watcher(nodeId);
  }
}

/**
 * Revisions that a node has yet to prove, up to `newest`: all of them if it has proved none; `undefined` if
 * it has not been heard of.
 */
export function lagOf({ isConnected, revision }: NodeStatus, newest: number): number | undefined {
  if (revision === undefined && !isConnected) return undefined;
  return Math.max(newest - (revision ?? -1), 0);
}

function isSameSet(left: readonly string[], right: readonly string[]): boolean {
  const set = new Set(left);
  return set.size === new Set(right).size && right.every((item) => set.has(item));
}
