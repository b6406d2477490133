import type { ExpectedRevision, Revision } from '../../shared/revision.js';
import type { SnapshotEntryKey } from '../../shared/snapshot.js';
import {
  emptyDigest,
  formatDigest,
  parseDigest,
  type SnapshotDigest,
} from '../../shared/snapshot-digest.js';
import type { GatewayState } from '../domain/state.js';
import type { ControlState } from '../ports/control-state.js';
import { changedEntryKeys, digestAfter, digestAt } from '../projections/snapshot-entries.js';

/** The newest snapshot: an immutable state, and what it is named by. */
export interface PublishedSnapshot {
  readonly logId: string;
  readonly revision: Revision;
  readonly state: GatewayState;
  /** 64 lower-case hex digits. */
  readonly digest: string;
}

interface Change {
  readonly from: ExpectedRevision;
  readonly to: Revision;
  readonly keys: readonly SnapshotEntryKey[];
  readonly digest: string;
}

export interface SnapshotFeedOptions {
  readonly control: ControlState;
  /** Digest at the state as it is, where it is known: it takes a hash of each entry. */
  readonly digest?: string | undefined;
  /** Changed entries that are remembered for deltas; a node further behind gets a full snapshot. Default 20,000. */
  readonly maxRememberedKeys?: number;
}

/**
 * Snapshots as nodes watch them: *monotone* (never an older one), *complete* (a snapshot is a whole
 * state), *convergent* (whoever asks after the last change gets the last one) and *resumable* (from
 * any revision that is still remembered, else in full). What lies between two looks is skipped.
 */
export class SnapshotFeed {
  readonly #maxKeys: number;
  readonly #changes: Change[] = [];
  readonly #watchers = new Set<() => void>();
  readonly #stop: () => void;
  #keyCount = 0;
  #digest: SnapshotDigest = emptyDigest;
  #head: PublishedSnapshot | undefined;

  constructor({ control, digest, maxRememberedKeys = 20_000 }: SnapshotFeedOptions) {
    this.#maxKeys = maxRememberedKeys;
    if (control.head !== 'empty') {
      this.#digest = digest === undefined ? digestAt(control.state) : parseDigest(digest);
      this.#publish(control.head, control.state);
    }
    this.#stop = control.onRecorded((events, before, after) => {
      const last = events.at(-1);
      if (last === undefined) return;
      const keys = changedEntryKeys(events, before, after);
      this.#digest = digestAfter(this.#digest, keys, before, after);
      const from = this.#head?.revision ?? 'empty';
      this.#publish(last.revision, after);
      this.#remember({ from, to: last.revision, keys, digest: formatDigest(this.#digest) });
      for (const watcher of this.#watchers) watcher();
    });
  }

  /** `undefined` while the log is empty. */
  get head(): PublishedSnapshot | undefined {
    return this.#head;
  }

  /** Names what changed after a revision up to the head; `undefined` if that is not remembered. */
  changedSince(revision: Revision): readonly SnapshotEntryKey[] | undefined {
    if (revision === this.#head?.revision) return [];
    const first = this.#changes.findLastIndex(({ from }) => from === revision);
    if (first < 0) return undefined;
    const keys = new Map<string, SnapshotEntryKey>();
    for (const change of this.#changes.slice(first)) {
      for (const key of change.keys) keys.set(`${key.kind} ${key.id}`, key);
    }
    return [...keys.values()];
  }

  /**
   * The revision that a node must serve so that it serves everything that a revision stands for: many
   * events (an erased key, an upload that nothing uses yet) change nothing that nodes have.
   */
  neededFor(revision: Revision): Revision {
    let needed = revision;
    for (let at = this.#changes.length - 1; at >= 0; at -= 1) {
      const change = this.#changes[at];
      if (change === undefined || change.to > needed) continue;
      const changesNothing = change.to === needed && change.keys.length === 0;
      if (!changesNothing || change.from === 'empty') break;
      needed = change.from;
    }
    return needed;
  }

  /** The digest that a node at a revision has; `undefined` if it is not remembered. */
  digestAt(revision: Revision): string | undefined {
    if (revision === this.#head?.revision) return this.#head.digest;
    return this.#changes.findLast(({ to }) => to === revision)?.digest;
  }

  /** Calls `watcher` after each new head, synchronously; it must not throw. Returns how to end it. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  close(): void {
    this.#stop();
    this.#watchers.clear();
  }

  #publish(revision: Revision, state: GatewayState): void {
    const { logId } = state;
    if (logId === undefined) return; // Revision 0 creates the log; nothing can come before it.
    this.#head = { logId, revision, state, digest: formatDigest(this.#digest) };
  }

  #remember(change: Change): void {
    this.#changes.push(change);
    this.#keyCount += change.keys.length + 1;
    while (this.#keyCount > this.#maxKeys) {
      const dropped = this.#changes.shift();
      if (dropped === undefined) break;
      this.#keyCount -= dropped.keys.length + 1;
    }
  }
}
