import type { EventId } from '../../shared/events.js';
import type { ExpectedRevision, Revision } from '../../shared/revision.js';

/** One event as the log stores it: opaque bytes that come back unchanged. */
export interface EventToAppend {
  readonly id: EventId;
  readonly type: string;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
}

export interface StoredEvent extends EventToAppend {
  readonly revision: Revision;
}

export interface Appended {
  readonly first: Revision;
  readonly last: Revision;
}

/** The most one append may carry; alike in all adapters. */
export const maxEventsPerAppend = 100;
/** Bytes of data plus metadata of one event; alike in all adapters. */
export const maxEventBytes = 256 * 1024;

/** Receives what a subscription delivers. A rejected promise ends the subscription with that error. */
export interface EventConsumer {
  /** Events in order, each once. The next batch waits until the promise resolves. */
  events(batch: readonly StoredEvent[]): Promise<void> | void;
  /** All events that existed so far were delivered; may be called again after each reconnect. */
  caughtUp(head: ExpectedRevision): Promise<void> | void;
}

/**
 * One append-only, totally ordered log of the control plane's events.
 *
 * Every adapter keeps the fourteen points of the contract suite in `test/contracts/event-log.ts`.
 */
export interface EventLog {
  /**
   * Appends events, all or none.
   *
   * Revisions run 0, 1, 2, … in commit order; a failed append uses none up.
   * Durable when the promise resolves (survives a crash and a power cut).
   * Idempotent by event id: the same events at the same expected revision, also after later appends
   * by others, answer the first revisions and write nothing.
   *
   * @param expected the revision the decision was made on, or `'empty'`; there is no "any".
   * @throws RevisionConflictError if the head is another one; nothing was written.
   * @throws EventIdReusedError if an id already stands at another place in the log.
   * @throws EventTooLargeError if a limit of this module is passed.
   * @throws LogUnavailableError if nothing was written and a retry is safe.
   * @throws LogRefusedError if the store will not take it, now or later; nothing was written.
   * @throws AppendOutcomeUnknownError if the store gave no answer before the deadline: retry with the
   *   same events and the same expected revision.
   */
  append(
    expected: ExpectedRevision,
    events: readonly [EventToAppend, ...EventToAppend[]],
  ): Promise<Appended>;

  /**
   * Reads forwards in batches, `from` inclusive, up to the head as it is when the reading gets there.
   * @throws LogTrimmedError if `from` lies before the first revision that is still there.
   */
  read(from: Revision): AsyncIterable<readonly StoredEvent[]>;

  /** The last revision, `'empty'` for a log without events. Reads its own writes. */
  head(): Promise<ExpectedRevision>;

  /**
   * Delivers every event after `after`, in order, each once, then goes on live until the signal
   * aborts; reconnects by itself. Resolves once aborted.
   * @throws CheckpointBeyondHeadError if `after` lies beyond the head: another log, or a restored one.
   * @throws LogTrimmedError if events after `after` are gone.
   */
  subscribe(after: ExpectedRevision, consumer: EventConsumer, signal: AbortSignal): Promise<void>;

  /**
   * Drops events before `before`; an adapter may keep the last event of all. The head stays, and
   * revisions go on from it.
   */
  trim(before: Revision): Promise<void>;

  /**
   * Settles everything under way; any later call throws LogClosedError, and so do reads and
   * subscriptions under way. An append under way that throws it may have been written.
   */
  close(): Promise<void>;
}
