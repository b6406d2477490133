import { GatewayError } from '../../shared/errors.js';
import type { ChainHead } from '../events/hash-chain.js';

/**
 * What a snapshot is of: one log, known by its id, up to one event, known by revision and hash. A
 * snapshot whose place is not in the log at hand is of no use.
 */
export interface SnapshotPlace {
  readonly logId: string;
  readonly head: ChainHead;
}

/** A state at one place in a log, as bytes that only its writer understands. */
export interface StateSnapshot {
  readonly place: SnapshotPlace;
  /** Names the meaning of `parts`. A reader that does not know it ignores the snapshot. */
  readonly form: string;
  /**
   * The parts in order, each good until the next is asked for. To be read once, to the end: only
   * there does it show whether the snapshot is whole.
   * @throws SnapshotDamagedError
   */
  readonly parts: AsyncIterable<Uint8Array>;
  discard(): Promise<void>;
}

/** The snapshot is not what was saved; nothing that was read of it may be used. */
export class SnapshotDamagedError extends GatewayError {
  readonly code = 'SIGNET_SNAPSHOT_DAMAGED';
}

/**
 * Keeps the latest snapshot, so that a start need not replay the whole log. It is a cache: losing it,
 * or finding it damaged, costs time and nothing else.
 */
export interface StateSnapshotStore {
  /**
   * The latest snapshot, `undefined` if there is none. Whoever does not read its parts calls `discard`.
   * @throws SnapshotDamagedError if not even its beginning can be read.
   */
  load(): Promise<StateSnapshot | undefined>;
  /** Replaces the latest snapshot. A crash leaves the one before. Parts are asked for one by one. */
  save(place: SnapshotPlace, form: string, parts: Iterable<Uint8Array>): Promise<void>;
}
