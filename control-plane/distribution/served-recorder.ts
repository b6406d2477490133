import type { NodeId } from '../../shared/gateway-model.js';
import type { Logger } from '../../shared/logger.js';
import type { Revision } from '../../shared/revision.js';
import type { RecordServed } from '../domain/commands.js';
import type { NodeRegistry, NodeStatus } from './node-registry.js';
import type { SnapshotFeed } from './snapshot-feed.js';

export interface ServedRecorderOptions {
  readonly registry: NodeRegistry;
  readonly feed: SnapshotFeed;
  readonly execute: (command: RecordServed) => Promise<void>;
  readonly logger: Logger;
}

/** Nodes that move together are noted together. */
const gatherMs = 10;
/** Of one node; what is beyond is known at the control plane that feeds it. */
const maxRejections = 20;

/**
 * Tells the other control planes of a shared log what the nodes here serve: one event for all nodes
 * that reached a revision within a moment. A revision that changes nothing for nodes is not worth one,
 * its own event included, or each would call for the next.
 */
export class ServedRecorder {
  readonly #options: ServedRecorderOptions;
  readonly #noted = new Map<NodeId, { revision: Revision; rejections: number }>();
  readonly #unwatch: () => void;
  #timer: NodeJS.Timeout | undefined;
  #isWriting = false;

  constructor(options: ServedRecorderOptions) {
    this.#options = options;
    this.#unwatch = options.registry.watch(() => this.#soon());
  }

  close(): void {
    this.#unwatch();
    clearTimeout(this.#timer);
  }

  #soon(): void {
    if (this.#isWriting || !this.#options.registry.nodes().some((node) => this.#isNews(node)))
      return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#isWriting = true;
      this.#record()
        .catch((error: unknown) => {
          this.#options.logger.warn({ err: error }, 'what nodes serve was not recorded');
        })
        .finally(() => {
          this.#isWriting = false;
          this.#soon();
        });
    }, gatherMs);
  }

  async #record(): Promise<void> {
    const { registry, feed, execute } = this.#options;
    const byRevision = new Map<Revision, NodeStatus[]>();
    for (const node of registry.nodes()) {
      if (node.revision === undefined || !this.#isNews(node)) continue;
      const served = feed.neededFor(node.revision);
      byRevision.set(served, [...(byRevision.get(served) ?? []), node]);
      this.#noted.set(node.id, { revision: served, rejections: node.rejections.length });
    }
    for (const [revision, nodes] of byRevision) {
      const rejections = nodes.flatMap(({ id, rejections }) =>
        rejections.slice(0, maxRejections).map((rejection) => ({ nodeId: id, ...rejection })),
      );
      const nodeIds = nodes.map(({ id }) => id);
      await execute({ type: 'RecordServed', revision, nodeIds, rejections });
    }
  }

  /** Whether a node that is fed here serves something that was not noted yet. */
  #isNews({ id, isConnected, revision, rejections }: NodeStatus): boolean {
    if (!isConnected || revision === undefined) return false;
    const noted = this.#noted.get(id);
    const served = this.#options.feed.neededFor(revision);
    return noted?.revision !== served || noted.rejections !== rejections.length;
  }
}
