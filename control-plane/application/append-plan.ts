import { randomUUID } from 'node:crypto';
import type { EventId, GatewayEvent, RecordedEvent } from '../../shared/events.js';
import type { ExpectedRevision } from '../../shared/revision.js';
import { decide } from '../domain/decide.js';
import { fold } from '../domain/evolve.js';
import type { GatewayState } from '../domain/state.js';
import { type EncodedEvents, encodeEvents } from '../events/codec.js';
import type { ChainHead } from '../events/hash-chain.js';
import { type EventToAppend, maxEventBytes, maxEventsPerAppend } from '../ports/event-log.js';
import { EventTooLargeError } from '../ports/event-log-errors.js';
import type { CommandOutcome, CommandRejection } from './command-outcome.js';
import type { PendingCommand } from './pending-command.js';

/** What one append to the log would record of the commands that wait, and what becomes of each. */
export interface AppendPlan {
  readonly planned: readonly PlannedCommand[];
  /** Commands whose events cannot be written, whatever the state, and why. */
  readonly broken: ReadonlyMap<PendingCommand, unknown>;
  /** Commands whose events name keys that are not stored yet, with these events. */
  readonly keysMissing: ReadonlyMap<PendingCommand, readonly GatewayEvent[]>;
  readonly toAppend: readonly EventToAppend[];
  /** The log's head after the append. */
  readonly head: ChainHead;
  /** Commands that did not fit. */
  readonly rest: readonly PendingCommand[];
}

/** A command, decided, waiting for its events to be appended. */
export interface PlannedCommand {
  readonly pending: PendingCommand;
  readonly recorded: readonly RecordedEvent[];
  readonly outcome: CommandOutcome;
  /** Whether the rest of the command's events takes another append. */
  readonly unfinished: boolean;
}

/** Where the log stands: decisions are made on this state and appended at this head. */
export interface Standing {
  readonly state: GatewayState;
  readonly head: ChainHead;
  /** What the events bear as their time. */
  readonly time: Date;
}

/** Decides one command after the other, each on the state that the one before it leads to. */
export function planAppend(open: readonly PendingCommand[], standing: Standing): AppendPlan {
  const { time } = standing;
  let { state, head } = standing;
  const planned: PlannedCommand[] = [];
  const broken = new Map<PendingCommand, unknown>();
  const keysMissing = new Map<PendingCommand, readonly GatewayEvent[]>();
  const toAppend: EventToAppend[] = [];
  let taken = 0;
  for (const pending of open) {
    const decided = judge(state, head.revision, pending);
    const events = decided.events.slice(0, maxEventsPerAppend);
    if (toAppend.length + events.length > maxEventsPerAppend) break;
    taken++;
    if (!pending.custody.holdsKeysOf(events)) keysMissing.set(pending, events);
    const unfinished = events.length < decided.events.length;
    let encoded: EncodedEvents;
    try {
      encoded = encode(head, pending, events, unfinished, time);
    } catch (error) {
      broken.set(pending, error);
      continue;
    }
    const before = state;
    state = encoded.recorded.reduce(fold, state);
    head = encoded.head;
    toAppend.push(...encoded.toAppend);
    const outcome: CommandOutcome = decided.refusal ?? {
      status: 'recorded',
      events: [...pending.earlier, ...encoded.recorded],
      head: head.revision,
      before: pending.before ?? before,
      after: state,
    };
    planned.push({ pending, recorded: encoded.recorded, outcome, unfinished });
  }
  return { planned, broken, keysMissing, toAppend, head, rest: open.slice(taken) };
}

interface Judged {
  readonly events: readonly GatewayEvent[];
  readonly refusal?: CommandOutcome;
}

function judge(
  state: GatewayState,
  head: ExpectedRevision,
  { command, context, earlier }: PendingCommand,
): Judged {
  const { idempotency, precondition } = context;
  const known = idempotency && state.idempotentWrites.get(idempotency.key);
  if (known !== undefined) {
    return known.request === idempotency?.request
      ? { events: [], refusal: { status: 'repeated', write: known } }
      : refuse({ code: 'idempotency-key-reused' });
  }
  // The rest of a command that was begun stands under the condition its beginning met.
  if (earlier.length === 0 && precondition?.(state, head) === false) {
    return refuse({ code: 'precondition-failed' });
  }
  const decision = decide(state, command);
  if (!decision.accepted) return refuse(decision.rejection);
  const isKept = idempotency !== undefined && earlier.length === 0;
  return decision.events.length === 0 && isKept
    ? { events: [{ type: 'NothingChanged', data: {} }] }
    : { events: decision.events };
}

function refuse(rejection: CommandRejection): Judged {
  return { events: [], refusal: { status: 'rejected', rejection } };
}

/** @throws EventTooLargeError for an event that the log cannot carry */
function encode(
  head: ChainHead,
  { context }: PendingCommand,
  events: readonly GatewayEvent[],
  unfinished: boolean,
  time: Date,
): EncodedEvents {
  const { actor, correlationId, idempotency } = context;
  const metadata = {
    time: time.toISOString(),
    actor,
    correlationId,
    // A write that was cut short is not answered from the log, but finished when it is repeated.
    ...(idempotency !== undefined && !unfinished && { idempotency }),
  };
  const encoded = encodeEvents(
    head,
    events.map((event) => ({ id: randomUUID() as EventId, event, metadata })),
  );
  for (const { data, metadata } of encoded.toAppend) {
    if (data.byteLength + metadata.byteLength <= maxEventBytes) continue;
    throw new EventTooLargeError(`an event passes ${maxEventBytes} bytes; nothing was recorded`);
  }
  return encoded;
}
