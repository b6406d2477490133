import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { EventId, GatewayEvent, RecordedEvent } from '../../shared/events.js';
import type { Logger } from '../../shared/logger.js';
import type { ExpectedRevision } from '../../shared/revision.js';
import type { Command } from '../domain/commands.js';
import { decide } from '../domain/decide.js';
import { fold } from '../domain/evolve.js';
import type { GatewayState } from '../domain/state.js';
import { type EncodedEvents, encodeEvents } from '../events/codec.js';
import type { ChainHead } from '../events/hash-chain.js';
import type { Clock } from '../ports/clock.js';
import {
  type EventLog,
  type EventToAppend,
  maxEventBytes,
  maxEventsPerAppend,
} from '../ports/event-log.js';
import {
  AppendOutcomeUnknownError,
  EventTooLargeError,
  RevisionConflictError,
} from '../ports/event-log-errors.js';
import type { KeyVault } from '../ports/key-vault.js';
import { KeyErasedError } from '../ports/key-vault-errors.js';
import type { CommandContext, CommandOutcome, CommandRejection } from './command-outcome.js';
import type { FoldedLog } from './folded-log.js';
import { KeyCustody } from './key-custody.js';

export interface CommandHandlerOptions {
  readonly folded: FoldedLog;
  readonly log: EventLog;
  readonly vault: KeyVault;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A command, decided, waiting for its events to be appended. */
interface Planned {
  readonly pending: Pending;
  readonly recorded: readonly RecordedEvent[];
  readonly outcome: CommandOutcome;
  /** Whether the rest of the command's events takes another append. */
  readonly unfinished: boolean;
}

interface Pending {
  readonly command: Command;
  readonly context: CommandContext;
  readonly custody: KeyCustody;
  /** Events of earlier appends of the same command, and the state before them. */
  earlier: readonly RecordedEvent[];
  before: GatewayState | undefined;
  /** Why its events cannot be written, whatever the state. */
  broken: unknown;
  readonly settle: (outcome: CommandOutcome) => void;
  readonly fail: (error: unknown) => void;
}

const maxConflicts = 100;

/** A command uploads a certificate and brought no key for it: a defect of its maker. */
class KeyMissingError extends Error {
  constructor() {
    super('a certificate was to be recorded whose private key did not come with the command');
  }
}
const maxUnknownOutcomes = 5;

/**
 * Carries out commands one after the other: decide on the current state, append at exactly that
 * revision, fold. Whatever waits while an append is under way goes into the next append together, so
 * many concurrent writers share one disk sync. If another control plane was faster, all is decided
 * anew on the state it left behind; nothing is ever recorded on a state it was not decided on.
 *
 * Private keys are durable in the vault before the event that names them is appended.
 */
export class CommandHandler {
  readonly #options: CommandHandlerOptions;
  #queue: Pending[] = [];
  #draining: Promise<void> | undefined;

  constructor(options: CommandHandlerOptions) {
    this.#options = options;
  }

  /**
   * Resolves once the events are durable and folded, or with the reason why there are none.
   * @throws LogUnavailableError, VaultUnavailableError if nothing was recorded.
   * @throws AppendOutcomeUnknownError if the log does not say whether it was.
   */
  execute(command: Command, context: CommandContext): Promise<CommandOutcome> {
    return new Promise((settle, fail) => {
      const custody = new KeyCustody(this.#options.vault, context.keys ?? new Map());
      this.#queue.push({
        command,
        context,
        custody,
        earlier: [],
        before: undefined,
        broken: undefined,
        settle,
        fail,
      });
      this.#draining ??= this.#drain();
    });
  }

  /** Resolves when every command so far is settled. */
  async idle(): Promise<void> {
    while (this.#draining !== undefined) await this.#draining;
  }

  async #drain(): Promise<void> {
    // One turn of the loop: commands that arrive together share the first append too.
    await new Promise(setImmediate);
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, maxEventsPerAppend);
      try {
        await this.#carryOut(batch);
      } catch (error) {
        for (const pending of batch) await this.#abandon(pending, error);
      }
    }
    // In the same turn as the last look at the queue: no command slips in between.
    this.#draining = undefined;
  }

  async #abandon(pending: Pending, error: unknown): Promise<void> {
    // Whether the events stand is not known: the keys they may name stay, a sweep finds the orphans.
    if (!(error instanceof AppendOutcomeUnknownError)) {
      await pending.custody.release([], this.#options.logger);
    }
    pending.fail(error);
  }

  /** Settles every command of the batch, or puts what did not fit back to the front of the queue. */
  async #carryOut(batch: readonly Pending[]): Promise<void> {
    const { folded, logger } = this.#options;
    let open = await this.#storeKeys(batch, ({ command }) => likelyEvents(folded.state, command));
    for (let conflicts = 0; open.length > 0; ) {
      const plan = this.#plan(open);
      const { keysMissing } = plan;
      if (keysMissing.size > 0) {
        const named = (each: Pending) => keysMissing.get(each) ?? [];
        const stored = new Set(await this.#storeKeys([...keysMissing.keys()], named));
        open = open.filter((each) => !keysMissing.has(each) || stored.has(each));
        if (conflicts++ > maxConflicts) throw new KeyMissingError();
        continue;
      }
      try {
        await this.#append(folded.chain.revision, plan.toAppend);
      } catch (error) {
        if (!(error instanceof RevisionConflictError)) throw error;
        if (++conflicts > maxConflicts) throw error;
        logger.debug({ expected: error.expected, actual: error.actual }, 'decided anew');
        await delay(Math.random() * Math.min(conflicts, 20));
        await folded.catchUp();
        continue;
      }
      folded.foldAppended(
        plan.planned.flatMap(({ recorded }) => recorded),
        plan.chain,
      );
      for (const planned of plan.planned) await this.#settle(planned);
      for (const each of open)
        if (each.broken !== undefined) await this.#abandon(each, each.broken);
      this.#queue.unshift(...plan.rest);
      return;
    }
  }

  /** Stores the keys of uploads, in parallel; a command whose key cannot be stored fails by itself. */
  async #storeKeys(
    batch: readonly Pending[],
    eventsOf: (pending: Pending) => readonly GatewayEvent[],
  ): Promise<Pending[]> {
    const stored = await Promise.all(
      batch.map(async (pending) => {
        try {
          await pending.custody.store(eventsOf(pending));
          return pending;
        } catch (error) {
          if (error instanceof KeyErasedError) {
            pending.settle({ status: 'rejected', rejection: { code: 'certificate-changed' } });
          } else await this.#abandon(pending, error);
          return undefined;
        }
      }),
    );
    return stored.filter((pending) => pending !== undefined);
  }

  /** Decides one command after the other, each on the state that the one before it leads to. */
  #plan(open: readonly Pending[]) {
    const planned: Planned[] = [];
    const keysMissing = new Map<Pending, readonly GatewayEvent[]>();
    const toAppend: EventToAppend[] = [];
    let state = this.#options.folded.state;
    let chain = this.#options.folded.chain;
    let taken = 0;
    for (const pending of open) {
      const decided = judge(state, chain.revision, pending);
      const events = decided.events.slice(0, maxEventsPerAppend);
      if (toAppend.length + events.length > maxEventsPerAppend) break;
      if (!pending.custody.holdsKeysOf(events)) keysMissing.set(pending, events);
      const unfinished = events.length < decided.events.length;
      const encoded = this.#encode(chain, pending, events, unfinished);
      taken++;
      if (encoded === undefined) continue;
      const before = state;
      state = encoded.recorded.reduce(fold, state);
      chain = encoded.head;
      toAppend.push(...encoded.toAppend);
      const outcome: CommandOutcome = decided.refusal ?? {
        status: 'recorded',
        events: [...pending.earlier, ...encoded.recorded],
        head: chain.revision,
        before: pending.before ?? before,
        after: state,
      };
      planned.push({ pending, recorded: encoded.recorded, outcome, unfinished });
    }
    return { planned, keysMissing, toAppend, chain, rest: open.slice(taken) };
  }

  /** A command whose events the log could not carry fails alone. */
  #encode(
    chain: ChainHead,
    pending: Pending,
    events: readonly GatewayEvent[],
    unfinished: boolean,
  ): EncodedEvents | undefined {
    try {
      const encoded = encodeEvents(chain, this.#dress(pending.context, events, unfinished));
      for (const { data, metadata } of encoded.toAppend) {
        if (data.byteLength + metadata.byteLength <= maxEventBytes) continue;
        throw new EventTooLargeError(
          `an event passes ${maxEventBytes} bytes; nothing was recorded`,
        );
      }
      return encoded;
    } catch (error) {
      pending.broken = error;
      return undefined;
    }
  }

  #dress(context: CommandContext, events: readonly GatewayEvent[], unfinished: boolean) {
    const { actor, correlationId, idempotency } = context;
    const metadata = {
      time: new Date(this.#options.clock()).toISOString(),
      actor,
      correlationId,
      // A write that was cut short is not answered from the log, but finished when it is repeated.
      ...(idempotency !== undefined && !unfinished && { idempotency }),
    };
    return events.map((event) => ({ id: randomUUID() as EventId, event, metadata }));
  }

  async #append(expected: ExpectedRevision, events: readonly EventToAppend[]): Promise<void> {
    const [first, ...others] = events;
    if (first === undefined) return;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#options.log.append(expected, [first, ...others]);
        return;
      } catch (error) {
        if (!(error instanceof AppendOutcomeUnknownError) || attempt === maxUnknownOutcomes) {
          throw error;
        }
        // The same ids at the same revision: found if they stand, written if not.
        await delay(Math.random() * 50 * attempt);
      }
    }
  }

  async #settle({ pending, outcome, unfinished }: Planned): Promise<void> {
    if (unfinished && outcome.status === 'recorded') {
      pending.earlier = outcome.events;
      pending.before = outcome.before;
      this.#queue.unshift(pending);
      return;
    }
    pending.settle(outcome);
    const recorded = outcome.status === 'recorded' ? outcome.events : [];
    await pending.custody.release(
      recorded.map(({ event }) => event),
      this.#options.logger,
    );
  }
}

interface Judged {
  readonly events: readonly GatewayEvent[];
  readonly refusal?: CommandOutcome;
}

function judge(
  state: GatewayState,
  head: ExpectedRevision,
  { command, context, earlier }: Pending,
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

/** What the command is likely to record: keys of these uploads should be stored beforehand. */
function likelyEvents(state: GatewayState, command: Command): readonly GatewayEvent[] {
  const decision = decide(state, command);
  return decision.accepted ? decision.events : [];
}
