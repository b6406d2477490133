import { setTimeout as delay } from 'node:timers/promises';
import type { GatewayEvent } from '../../shared/events.js';
import type { Logger } from '../../shared/logger.js';
import type { ExpectedRevision } from '../../shared/revision.js';
import type { Command } from '../domain/commands.js';
import { decide } from '../domain/decide.js';
import type { GatewayState } from '../domain/state.js';
import type { Clock } from '../ports/clock.js';
import { type EventLog, type EventToAppend, maxEventsPerAppend } from '../ports/event-log.js';
import { AppendOutcomeUnknownError, RevisionConflictError } from '../ports/event-log-errors.js';
import type { KeyVault } from '../ports/key-vault.js';
import { KeyErasedError } from '../ports/key-vault-errors.js';
import { type PlannedCommand, planAppend } from './append-plan.js';
import type { CommandContext, CommandOutcome } from './command-outcome.js';
import type { FoldedLog } from './folded-log.js';
import { KeyCustody } from './key-custody.js';
import type { PendingCommand } from './pending-command.js';

export interface CommandHandlerOptions {
  readonly folded: FoldedLog;
  readonly log: EventLog;
  readonly vault: KeyVault;
  readonly clock: Clock;
  readonly logger: Logger;
}

const maxConflicts = 100;
const maxUnknownOutcomes = 5;

/** A command uploads a certificate and brought no key for it: a defect of its maker. */
class KeyMissingError extends Error {
  constructor() {
    super('a certificate was to be recorded whose private key did not come with the command');
  }
}

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
  #queue: PendingCommand[] = [];
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

  async #abandon(pending: PendingCommand, error: unknown): Promise<void> {
    // Whether the events stand is not known: the keys they may name stay, a sweep finds the orphans.
    if (!(error instanceof AppendOutcomeUnknownError)) {
      await pending.custody.release([], this.#options.logger);
    }
    pending.fail(error);
  }

  /** Settles every command of the batch, or puts what did not fit back to the front of the queue. */
  async #carryOut(batch: readonly PendingCommand[]): Promise<void> {
    const { folded, clock, logger } = this.#options;
    let open = await this.#storeKeys(batch, ({ command }) => likelyEvents(folded.state, command));
    for (let conflicts = 0; open.length > 0; ) {
      const plan = planAppend(open, {
        state: folded.state,
        head: folded.chain,
        time: new Date(clock()),
      });
      const { keysMissing } = plan;
      if (keysMissing.size > 0) {
        const named = (each: PendingCommand) => keysMissing.get(each) ?? [];
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
        plan.head,
      );
      for (const planned of plan.planned) await this.#settle(planned);
      for (const [pending, reason] of plan.broken) await this.#abandon(pending, reason);
      this.#queue.unshift(...plan.rest);
      return;
    }
  }

  /** Stores the keys of uploads, in parallel; a command whose key cannot be stored fails by itself. */
  async #storeKeys(
    batch: readonly PendingCommand[],
    eventsOf: (pending: PendingCommand) => readonly GatewayEvent[],
  ): Promise<PendingCommand[]> {
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

  async #settle({ pending, outcome, unfinished }: PlannedCommand): Promise<void> {
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

/** What the command is likely to record: keys of these uploads should be stored beforehand. */
function likelyEvents(state: GatewayState, command: Command): readonly GatewayEvent[] {
  const decision = decide(state, command);
  return decision.accepted ? decision.events : [];
}
