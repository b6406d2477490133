import type { Revision } from '../../shared/revision.js';
import type { RejectedEntry } from '../../shared/snapshot.js';
import type { NodeRegistry, NodeStatus } from './node-registry.js';
import type { SnapshotFeed } from './snapshot-feed.js';

/** Whom a write waits for: every admitted node, or more than half of them. */
export type AppliedScope = 'all' | 'quorum';

export interface NodeName {
  readonly id: string;
  readonly name: string;
}

export interface AppliedReport {
  readonly revision: Revision;
  /** Whether enough nodes serve it; the time limit ended the wait otherwise. */
  readonly isApplied: boolean;
  /** Nodes that proved to serve the revision, or a later one. */
  readonly applied: readonly NodeName[];
  readonly stragglers: readonly (NodeName & {
    readonly isConnected: boolean;
    readonly revision?: Revision;
  })[];
  readonly rejections: readonly (RejectedEntry & {
    readonly nodeId: string;
    readonly nodeName: string;
  })[];
}

/** Who serves what, and what there is to serve. */
export interface Fleet {
  readonly registry: NodeRegistry;
  readonly feed: SnapshotFeed;
}

export interface AppliedWait {
  readonly scope: AppliedScope;
  readonly timeoutMs: number;
}

/**
 * Resolves when enough nodes have proved, with handshakes on their own listeners, that they serve the
 * revision, or when the time is over. Never rejects. A node that serves it but for a rejected
 * certificate counts, and the rejection is in the report.
 */
export function whenApplied(
  fleet: Fleet,
  revision: Revision,
  { scope, timeoutMs }: AppliedWait,
): Promise<AppliedReport> {
  const { registry, feed } = fleet;
  const isEnough = () => {
    const { serving, total } = registry.tally(feed.neededFor(revision));
    return serving >= enough(scope, total);
  };
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      unwatch();
      resolve(reportOn(fleet, revision, scope));
    };
    const timer = setTimeout(finish, timeoutMs);
    const unwatch = registry.watch(() => {
      if (isEnough()) finish();
    });
    if (isEnough()) finish();
  });
}

function enough(scope: AppliedScope, total: number): number {
  return scope === 'all' ? total : Math.min(Math.floor(total / 2) + 1, total);
}

/** How far a revision has got, as of now. */
export function reportOn(
  { registry, feed }: Fleet,
  revision: Revision,
  scope: AppliedScope,
): AppliedReport {
  const nodes = registry.nodes();
  const needed = feed.neededFor(revision);
  const serves = (node: NodeStatus) => node.revision !== undefined && node.revision >= needed;
  const applied = nodes.filter(serves);
  return {
    revision,
    isApplied: applied.length >= enough(scope, nodes.length),
    applied: applied.map(({ id, name }) => ({ id, name })),
    stragglers: nodes
      .filter((node) => !serves(node))
      .map(({ id, name, isConnected, revision: at }) =>
        at === undefined ? { id, name, isConnected } : { id, name, isConnected, revision: at },
      ),
    rejections: applied.flatMap(({ id, name, rejections }) =>
      rejections.map((rejection) => ({ ...rejection, nodeId: id, nodeName: name })),
    ),
  };
}
