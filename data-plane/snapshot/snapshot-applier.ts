import type { Revision } from '../../shared/revision.js';
import type { RejectedEntry, SnapshotDelta } from '../../shared/snapshot.js';

export interface AppliedSnapshot {
  readonly revision: Revision;
  /** Digest of the node's entries, see `NodeStoreWriter.digest`. */
  readonly digest: string;
  readonly rejections: readonly RejectedEntry[];
}

/** What the subscriber hands deltas to: the store, then every serving process. */
export interface SnapshotApplier {
  readonly logId: string | undefined;
  readonly revision: Revision | undefined;
  readonly digest: string;
  /**
   * Resolves when every worker of the node serves the delta's revision, proved by a handshake for
   * the changed hosts. One at a time. A certificate that can't be loaded is a rejection, not an error.
   */
  apply(delta: SnapshotDelta): Promise<AppliedSnapshot>;
}
