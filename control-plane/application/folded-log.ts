import type { RecordedEvent } from '../../shared/events.js';
import type { Logger } from '../../shared/logger.js';
import { type ExpectedRevision, nextRevision } from '../../shared/revision.js';
import { fold } from '../domain/evolve.js';
import { type GatewayState, initialState } from '../domain/state.js';
import { decodeEvents } from '../events/codec.js';
import { type ChainHead, chainStart } from '../events/hash-chain.js';
import type { ControlState, RecordedListener } from '../ports/control-state.js';
import type { EventLog, StoredEvent } from '../ports/event-log.js';

/** Where a replay may begin: a state and the place in the log that it stands for. */
export interface FoldedState {
  readonly state: GatewayState;
  readonly chain: ChainHead;
}

/**
 * The log folded into one state. Events come in from three sides (own appends, catching up after a
 * conflict, the live subscription); each is folded once, in revision order, whichever is first.
 */
export class FoldedLog implements ControlState {
  readonly #log: EventLog;
  readonly #logger: Logger;
  readonly #listeners = new Set<RecordedListener>();
  #state: GatewayState;
  #chain: ChainHead;

  constructor(log: EventLog, logger: Logger, from?: FoldedState) {
    this.#log = log;
    this.#logger = logger;
    this.#state = from?.state ?? initialState;
    this.#chain = from?.chain ?? chainStart;
  }

  get state(): GatewayState {
    return this.#state;
  }

  get head(): ExpectedRevision {
    return this.#chain.revision;
  }

  get chain(): ChainHead {
    return this.#chain;
  }

  onRecorded(listener: RecordedListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Folds whatever the log holds beyond `head`. @throws EventUnreadableError, EventChainBrokenError */
  async catchUp(): Promise<void> {
    for await (const batch of this.#log.read(nextRevision(this.head))) this.#foldStored(batch);
  }

  /** Follows the log live until the signal aborts; resolves then. */
  follow(signal: AbortSignal): Promise<void> {
    const consumer = {
      events: (batch: readonly StoredEvent[]) => this.#foldStored(batch),
      caughtUp: () => {},
    };
    return this.#log.subscribe(this.head, consumer, signal);
  }

  /** Folds events of this process that were just appended right after `from`. */
  foldAppended(recorded: readonly RecordedEvent[], chain: ChainHead): void {
    const fresh = recorded.filter(({ revision }) => isBeyond(revision, this.head));
    if (fresh.length > 0) this.#advance(fresh, chain);
  }

  #foldStored(batch: readonly StoredEvent[]): void {
    const fresh = batch.filter(({ revision }) => isBeyond(revision, this.head));
    if (fresh.length === 0) return;
    const { recorded, head } = decodeEvents(this.#chain, fresh);
    this.#advance(recorded, head);
  }

  #advance(recorded: readonly RecordedEvent[], chain: ChainHead): void {
    const before = this.#state;
    const after = recorded.reduce(fold, before);
    this.#state = after;
    this.#chain = chain;
    for (const listener of this.#listeners) {
      try {
        listener(recorded, before, after);
      } catch (error) {
        this.#logger.error({ err: error, revision: chain.revision }, 'a listener of events threw');
      }
    }
  }
}

function isBeyond(revision: number, head: ExpectedRevision): boolean {
  return head === 'empty' || revision > head;
}
