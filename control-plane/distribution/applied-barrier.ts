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
  /** Whether enough nodes serve it, one at least; the time limit ended the wait otherwise. */
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
 * certificate counts, and the rejection is in the report. A fleet without nodes serves nothing, and
 * there is nobody to wait for: it is answered at once that the revision is not applied.
 */
export function whenApplied(
  fleet: Fleet,
  revision: Revision,
  { scope, timeoutMs }: AppliedWait,
): Promise<AppliedReport> {
  const { registry, feed } = fleet;
  let missing = 0;
  const isDecided = () => {
    const { serving, total } = registry.tally(feed.neededFor(revision));
    missing = required(scope, total) - serving;
    return total === 0 || missing <= 0;
  };
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      unwatch();
      resolve(reportOn(fleet, revision, scope));
    };
    const timer = setTimeout(finish, timeoutMs);
    const unwatch = registry.watch((nodeId) => {
      // Whatever one node says brings one more at most: a fleet of n is counted a few times, not n.
      if (nodeId !== undefined) missing -= 1;
      if ((nodeId === undefined || missing <= 0) && isDecided()) finish();
    });
    if (isDecided()) finish();
  });
}

function required(scope: AppliedScope, total: number): number {
  return scope === 'all' ? total : Math.floor(total / 2) + 1;
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
    isApplied: nodes.length > 0 && applied.length >= required(scope, nodes.length),
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
