import type { EventId } from '../../../shared/events.js';
import {
  type ExpectedRevision,
  nextRevision,
  type Revision,
  revision,
} from '../../../shared/revision.js';
import type {
  Appended,
  EventConsumer,
  EventLog,
  EventToAppend,
  StoredEvent,
} from '../../ports/event-log.js';
import {
  AppendOutcomeUnknownError,
  CheckpointBeyondHeadError,
  EventIdReusedError,
  EventTooLargeError,
  LogClosedError,
  LogRefusedError,
  LogTrimmedError,
  LogUnavailableError,
  RevisionConflictError,
} from '../../ports/event-log-errors.js';
import { checkAppend } from '../append-limits.js';
import { contiguous } from './contiguous.js';
import { type EventStoreConnection, StoreCallError } from './event-store-connection.js';
import { followLive } from './live-subscription.js';
import { RecentIds } from './recent-ids.js';
import { backOff, type RetryOutcome, retried } from './retry.js';
import type { OperationName, StoreFailure, StoreOperations } from './worker-protocol.js';

export interface EventStoreEventLogOptions {
  /** Shared with the vault; whoever made it closes it after both. */
  readonly connection: EventStoreConnection;
  /** Default `signet-control`. Two clusters on one server need two names. */
  readonly stream?: string;
  /** How long an append or a read is tried again before it fails, default 10000. */
  readonly deadlineMs?: number;
  /** How often a quiet subscription is checked against the log's head, default 5000. */
  readonly livenessCheckMs?: number;
}

/**
 * The event log as one EventStoreDB stream. Several control planes may share it.
 *
 * Differs from the embedded log in two points: `trim` always keeps the last event, and an id that
 * stands elsewhere is only known among the last 512 events before the start and all that this
 * instance has seen since (at most 65,536), which covers the one way to reuse an id: to decide anew
 * and keep the old ids.
 */
export class EventStoreEventLog implements EventLog {
  readonly #connection: EventStoreConnection;
  readonly #stream: string;
  readonly #deadlineMs: number;
  readonly #livenessCheckMs: number;
  readonly #recentIds = new RecentIds();
  readonly #closing = new AbortController();
  #tailNoted: Promise<void> | undefined;

  constructor(options: EventStoreEventLogOptions) {
    this.#connection = options.connection;
    this.#stream = options.stream ?? 'signet-control';
    this.#deadlineMs = options.deadlineMs ?? 10_000;
    this.#livenessCheckMs = options.livenessCheckMs ?? 5000;
  }

  async append(
    expected: ExpectedRevision,
    events: readonly [EventToAppend, ...EventToAppend[]],
  ): Promise<Appended> {
    this.#checkOpen();
    checkAppend(events);
    const first = nextRevision(expected);
    await this.#refuseReusedIds(expected, events);
    const request = { stream: this.#stream, expected, events };
    const outcome = await this.#tried('append', request, this.#closing.signal);
    const { answer } = outcome;
    if (answer === undefined) throw toAppendError(outcome);
    if (answer.outcome === 'conflict' && !(await this.#standsAt(first, events))) {
      throw new RevisionConflictError(expected, answer.actual);
    }
    for (const [index, { id }] of events.entries()) {
      this.#recentIds.note(id, revision(first + index));
    }
    return { first, last: revision(first + events.length - 1) };
  }

  async *read(from: Revision): AsyncIterable<readonly StoredEvent[]> {
    for (let next = from; ; ) {
      const page = await this.#page(next, this.#closing.signal);
      const last = page.at(-1);
      if (last === undefined) return;
      yield page;
      next = nextRevision(last.revision);
    }
  }

  async head(): Promise<ExpectedRevision> {
    return this.#head(this.#closing.signal);
  }

  async subscribe(
    after: ExpectedRevision,
    consumer: EventConsumer,
    signal: AbortSignal,
  ): Promise<void> {
    this.#checkOpen();
    const ended = AbortSignal.any([signal, this.#closing.signal]);
    let delivered = after;
    const deliver = async (events: readonly StoredEvent[]) => {
      const last = events.at(-1);
      if (last === undefined || ended.aborted) return;
      await consumer.events(events);
      this.#note(events);
      delivered = last.revision;
    };
    for (let cuts = 0; !ended.aborted; cuts++) {
      const before = delivered;
      try {
        await this.#catchUp(() => delivered, deliver, ended);
        await consumer.caughtUp(delivered);
        await followLive({
          connection: this.#connection,
          stream: this.#stream,
          delivered: () => delivered,
          deliver,
          head: () => this.#head(ended),
          livenessCheckMs: this.#livenessCheckMs,
          signal: ended,
        });
      } catch (error) {
        if (ended.aborted) break;
        if (!isPassing(error)) throw error;
        if (delivered !== before) cuts = 0;
        await backOff(cuts, ended);
      }
    }
    if (!signal.aborted) this.#checkOpen();
  }

  async trim(before: Revision): Promise<void> {
    const head = await this.head();
    if (head === 'empty') return;
    // The head is read from the last event, so that one stays.
    const request = { stream: this.#stream, before: Math.min(before, head) };
    await this.#answered('truncate', request, this.#closing.signal);
  }

  async close(): Promise<void> {
    this.#closing.abort(new LogClosedError());
  }

  /** Delivers what is there, page by page. */
  async #catchUp(
    delivered: () => ExpectedRevision,
    deliver: (events: readonly StoredEvent[]) => Promise<void>,
    ended: AbortSignal,
  ): Promise<void> {
    const head = await this.#head(ended);
    const checkpoint = delivered();
    if (checkpoint !== 'empty' && (head === 'empty' || checkpoint > head)) {
      throw new CheckpointBeyondHeadError(checkpoint, head);
    }
    for (;;) {
      const page = await this.#page(nextRevision(delivered()), ended);
      if (page.length === 0) return;
      await deliver(page);
      ended.throwIfAborted();
    }
  }

  async #head(signal: AbortSignal): Promise<ExpectedRevision> {
    const [last] = await this.#answered('tail', { stream: this.#stream, maxEvents: 1 }, signal);
    return last?.revision ?? 'empty';
  }

  /** Events from `from` on, in order and without a gap; none at the end of the log. */
  async #page(from: Revision, signal: AbortSignal): Promise<readonly StoredEvent[]> {
    const answer = await this.#answered('read', { stream: this.#stream, from }, signal);
    const { events } = contiguous(from === 0 ? 'empty' : revision(from - 1), answer);
    const first = answer[0];
    if (events.length === 0 && first !== undefined) throw new LogTrimmedError(first.revision);
    this.#note(events);
    return events;
  }

  /** Whether a conflict is our own earlier try in disguise: the very events stand where they would. */
  async #standsAt(first: Revision, events: readonly EventToAppend[]): Promise<boolean> {
    const there: StoredEvent[] = [];
    try {
      for await (const page of this.read(first)) {
        there.push(...page);
        if (there.length >= events.length) break;
      }
    } catch (error) {
      // The store compared ids too before it said conflict; there is nothing left to compare with.
      if (error instanceof LogTrimmedError) return false;
      throw error;
    }
    return events.every(({ id }, index) => there[index]?.id === id);
  }

  #note(events: readonly { readonly id: EventId; readonly revision: Revision }[]): void {
    for (const event of events) this.#recentIds.note(event.id, event.revision);
  }

  async #refuseReusedIds(expected: ExpectedRevision, events: readonly EventToAppend[]) {
    this.#tailNoted ??= this.#noteTail();
    try {
      await this.#tailNoted;
    } catch (error) {
      this.#tailNoted = undefined;
      throw error;
    }
    const first = nextRevision(expected);
    const reused = events.find(({ id }, index) => {
      const at = this.#recentIds.revisionOf(id);
      return at !== undefined && at !== first + index;
    });
    if (reused === undefined) return;
    const head = await this.head();
    if (head !== expected) throw new RevisionConflictError(expected, head);
    throw new EventIdReusedError(reused.id);
  }

  async #noteTail(): Promise<void> {
    const request = { stream: this.#stream, maxEvents: notedTailEvents };
    this.#note([...(await this.#answered('tail', request, this.#closing.signal))].reverse());
  }

  async #answered<Name extends OperationName>(
    name: Name,
    request: StoreOperations[Name]['request'],
    signal: AbortSignal,
  ): Promise<StoreOperations[Name]['answer']> {
    const outcome = await this.#tried(name, request, signal);
    if (outcome.failure !== undefined) throw toError(outcome.failure);
    return outcome.answer;
  }

  async #tried<Name extends OperationName>(
    name: Name,
    request: StoreOperations[Name]['request'],
    signal: AbortSignal,
  ): Promise<RetryOutcome<StoreOperations[Name]['answer']>> {
    this.#checkOpen();
    return retried({ deadlineMs: this.#deadlineMs, signal }, () =>
      this.#connection.call(name, request),
    );
  }

  #checkOpen(): void {
    this.#closing.signal.throwIfAborted();
  }
}

const notedTailEvents = 512;

function toAppendError({ failure, maybeDone }: { failure: StoreFailure; maybeDone: boolean }) {
  if (failure.fate === 'too-large') {
    return new EventTooLargeError(
      `EventStoreDB takes smaller appends than this one, see its MaxAppendSize: ${failure.message}`,
    );
  }
  if (failure.fate !== 'retry' || !maybeDone) return toError(failure);
  return new AppendOutcomeUnknownError(
    `EventStoreDB gave no answer to the append in time: ${failure.message}`,
  );
}

function toError(failure: StoreFailure): LogUnavailableError | LogRefusedError {
  switch (failure.fate) {
    case 'denied':
      return new LogRefusedError(
        `EventStoreDB denies access; check the user and its rights: ${failure.message}`,
      );
    case 'stream-deleted':
      return new LogRefusedError("the log's stream was deleted in EventStoreDB for ever");
    default:
      return new LogUnavailableError(`EventStoreDB does not answer: ${failure.message}`);
  }
}

/** Whether a subscription that met this goes on. */
function isPassing(error: unknown): boolean {
  if (error instanceof StoreCallError) return error.failure.fate === 'retry';
  return error instanceof LogUnavailableError;
}
