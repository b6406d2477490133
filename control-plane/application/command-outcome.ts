import type { Idempotency, RecordedEvent } from '../../shared/events.js';
import type { ExpectedRevision } from '../../shared/revision.js';
import type { Rejection } from '../domain/decision.js';
import type { GatewayState, IdempotentWrite } from '../domain/state.js';
import type { KeyMaterials } from './key-custody.js';

/** Who sends a command, and under which conditions it may be carried out. */
export interface CommandContext {
  readonly actor: string;
  readonly correlationId: string;
  readonly idempotency?: Idempotency;
  /** Private keys of the certificates that the command uploads. */
  readonly keys?: KeyMaterials;
  /** Judged on the very state the decision is made on; `false` rejects the command. */
  readonly precondition?: (state: GatewayState, head: ExpectedRevision) => boolean;
}

export type CommandRejection =
  | Rejection
  | { readonly code: 'precondition-failed' }
  | { readonly code: 'idempotency-key-reused' };

export type CommandOutcome =
  | {
      readonly status: 'recorded';
      /** None if the command changed nothing, or `NothingChanged` alone where its key is to be kept. */
      readonly events: readonly RecordedEvent[];
      /** Head of the log that `after` stands for. */
      readonly head: ExpectedRevision;
      readonly before: GatewayState;
      readonly after: GatewayState;
    }
  /** The same request was carried out before, under the same idempotency key. */
  | { readonly status: 'repeated'; readonly write: IdempotentWrite }
  | { readonly status: 'rejected'; readonly rejection: CommandRejection };
