import type { RecordedEvent } from '../../shared/events.js';
import type { ExpectedRevision } from '../../shared/revision.js';
import type { GatewayState } from '../domain/state.js';

/** The folded log as this process knows it: it follows its own writes at once and others' live. */
export interface ControlState {
  /** Configuration after `head`. */
  readonly state: GatewayState;
  readonly head: ExpectedRevision;
  /**
   * Calls `listener` synchronously after every fold, in revision order, with the events just folded
   * and the states before and after them. It must not throw. Returns a function that ends it.
   */
  onRecorded(listener: RecordedListener): () => void;
}

export type RecordedListener = (
  events: readonly RecordedEvent[],
  before: GatewayState,
  after: GatewayState,
) => void;
