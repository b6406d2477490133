import type { Revision } from '../../shared/revision.js';
import type { RejectedEntry } from '../../shared/snapshot.js';
import type { NodeRegistry, NodeStatus } from './node-registry.js';

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
  registry: NodeRegistry,
  revision: Revision,
  { scope, timeoutMs }: AppliedWait,
): Promise<AppliedReport> {
  return new Promise((resolve) => {
    const finishIf = (isOver: (report: AppliedReport) => boolean) => {
      const report = reportOn(registry.nodes(), revision, scope);
      if (!isOver(report)) return;
      clearTimeout(timer);
      unwatch();
      resolve(report);
    };
    const timer = setTimeout(() => finishIf(() => true), timeoutMs);
    const unwatch = registry.watch(() => finishIf(({ isApplied }) => isApplied));
    finishIf(({ isApplied }) => isApplied);
  });
}

export function reportOn(
  nodes: readonly NodeStatus[],
  revision: Revision,
  scope: AppliedScope,
): AppliedReport {
  const serves = (node: NodeStatus) => node.revision !== undefined && node.revision >= revision;
  const applied = nodes.filter(serves);
  const needed = scope === 'all' ? nodes.length : Math.floor(nodes.length / 2) + 1;
  return {
    revision,
    isApplied: applied.length >= Math.min(needed, nodes.length),
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
