import type { RecordedEvent } from '../../shared/events.js';
import type { Command } from '../domain/commands.js';
import type { GatewayState } from '../domain/state.js';
import type { CommandContext, CommandOutcome } from './command-outcome.js';
import type { KeyCustody } from './key-custody.js';

/** A command whose sender waits. */
export interface PendingCommand {
  readonly command: Command;
  readonly context: CommandContext;
  readonly custody: KeyCustody;
  /** Events of earlier appends of the same command, and the state before them. */
  earlier: readonly RecordedEvent[];
  before: GatewayState | undefined;
  readonly settle: (outcome: CommandOutcome) => void;
  readonly fail: (error: unknown) => void;
}
