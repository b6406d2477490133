import type { Logger } from '../../shared/logger.js';
import type { ExpectedRevision } from '../../shared/revision.js';
import { decodeEvent } from '../events/codec.js';
import type { ChainHead } from '../events/hash-chain.js';
import type { EventLog } from '../ports/event-log.js';
import { LogTrimmedError } from '../ports/event-log-errors.js';
import type { SnapshotPlace, StateSnapshot, StateSnapshotStore } from '../ports/state-snapshot.js';
import type { FoldedLog, FoldedState } from './folded-log.js';
import { type StateWithDigest, stateForm, stateFromParts, stateToParts } from './state-form.js';

/**
 * The state to start from: the latest snapshot, if it stands for an event of this very log. Anything
 * else (none, damaged, of another log, of a longer one, of another form) means a full replay.
 */
export async function loadFoldedState(
  log: EventLog,
  snapshots: StateSnapshotStore,
  logger: Logger,
): Promise<(FoldedState & StateWithDigest) | undefined> {
  const ignore = (reason: string, error?: unknown) => {
    logger.warn(
      { err: error },
      `the state snapshot is ignored, all events are replayed: ${reason}`,
    );
    return undefined;
  };
  let snapshot: StateSnapshot | undefined;
  try {
    snapshot = await snapshots.load();
  } catch (error) {
    return ignore('it cannot be read', error);
  }
  if (snapshot === undefined) return undefined;
  const { place, form, parts } = snapshot;
  try {
    if (form !== stateForm) return ignore(`it has form ${form}, this version reads ${stateForm}`);
    if (!(await standsIn(log, place.head))) return ignore('it is not of this log');
    // Bytes that are not what was saved may fail in any way before their checksum does.
    const loaded = await stateFromParts(parts).catch((error: unknown) =>
      ignore('it is damaged', error),
    );
    return loaded && { ...loaded, chain: place.head };
  } finally {
    await snapshot.discard();
  }
}

async function standsIn(log: EventLog, head: ChainHead): Promise<boolean> {
  if (head.revision === 'empty') return false;
  try {
    for await (const [event] of log.read(head.revision)) {
      return event !== undefined && decodeEvent(event).hash === head.hash;
    }
  } catch (error) {
    if (!(error instanceof LogTrimmedError)) throw error;
  }
  return false;
}

export interface SnapshotKeeperOptions {
  readonly folded: FoldedLog;
  readonly snapshots: StateSnapshotStore;
  readonly logger: Logger;
  /** Revision of the latest snapshot; by default there is none to be made of what is folded already. */
  readonly savedAt?: ExpectedRevision;
  /** Digest of the entries that nodes have at the folded state. */
  readonly digest?: () => string | undefined;
  /** Events after the latest snapshot that make a new one due, default 5000: 0.2 s of replay. */
  readonly everyEvents?: number;
}

/**
 * Saves a snapshot whenever enough events have come in: at least `everyEvents`, and a tenth of what
 * the snapshot holds, so that the cost of saving stays in proportion to the changes. One save at a time.
 */
export class SnapshotKeeper {
  readonly #options: SnapshotKeeperOptions;
  readonly #stop: () => void;
  #savedAt: number;
  #saving: Promise<void> | undefined;

  constructor(options: SnapshotKeeperOptions) {
    this.#options = options;
    const { folded, savedAt = folded.head } = options;
    this.#savedAt = savedAt === 'empty' ? -1 : savedAt;
    this.#stop = folded.onRecorded(() => this.#saveIfDue());
    this.#saveIfDue();
  }

  /** Saves what is folded now; joins a save that is under way. */
  save(): Promise<void> {
    this.#saving ??= this.#save().finally(() => {
      this.#saving = undefined;
    });
    return this.#saving;
  }

  /** Ends it; a save under way is finished first. */
  async close(): Promise<void> {
    this.#stop();
    await this.#saving;
  }

  #saveIfDue(): void {
    const { folded, everyEvents = 5000, logger } = this.#options;
    const { head, state } = folded;
    if (head === 'empty' || this.#saving !== undefined) return;
    if (head - this.#savedAt < Math.max(everyEvents, state.certificates.size / 10)) return;
    // Also if the save fails: the next one is due after as many events.
    this.#savedAt = head;
    // Not in the turn that folds: whoever waits for the event goes first.
    setImmediate(() => {
      this.save().catch((error) => {
        logger.error({ err: error }, 'the state snapshot could not be saved');
      });
    });
  }

  async #save(): Promise<void> {
    const { folded, snapshots, logger, digest } = this.#options;
    const { state, chain } = folded;
    if (chain.revision === 'empty' || state.logId === undefined) return;
    const place: SnapshotPlace = { logId: state.logId, head: chain };
    await snapshots.save(place, stateForm, stateToParts({ state, digest: digest?.() }));
    this.#savedAt = chain.revision;
    logger.info({ revision: chain.revision }, 'saved a snapshot of the state');
  }
}
