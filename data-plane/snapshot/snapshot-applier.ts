import type { Revision } from '../../shared/revision.js';
import type { RejectedEntry, SnapshotTransfer } from '../../shared/snapshot.js';

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
  /**
   * What the node serves now, once its workers do; `undefined` before the first snapshot. Asked at
   * each connect: a node that was restarted proves again what it has.
   */
  served(): Promise<AppliedSnapshot | undefined>;
  /**
   * Resolves when every worker of the node serves the transfer's revision, proved by a handshake for
   * the changed hosts. One at a time. A certificate that can't be loaded is a rejection, not an error.
   * Holds one chunk at a time; until the last one has come, readers see the snapshot before it.
   * @throws SnapshotMismatchError if it does not start where the node stands: ask for a full one.
   */
  apply(transfer: SnapshotTransfer): Promise<AppliedSnapshot>;
}
