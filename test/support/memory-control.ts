import { randomUUID } from 'node:crypto';
import { fold } from '../../control-plane/domain/evolve.js';
import { type GatewayState, initialState } from '../../control-plane/domain/state.js';
import type { ControlState, RecordedListener } from '../../control-plane/ports/control-state.js';
import type { EventId, GatewayEvent } from '../../shared/events.js';
import { nextRevision } from '../../shared/revision.js';

/** A folded log without the log: for what only follows the state. */
export class MemoryControl implements ControlState {
  state: GatewayState = initialState;
  head: ControlState['head'] = 'empty';
  readonly #listeners = new Set<RecordedListener>();

  onRecorded(listener: RecordedListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  record(...events: readonly GatewayEvent[]): void {
    const before = this.state;
    const recorded = events.map((event) => {
      this.head = nextRevision(this.head);
      const metadata = { time: '2026-01-02T03:04:05.006Z', actor: 'a', correlationId: 'c' };
      return { revision: this.head, id: randomUUID() as EventId, event, metadata };
    });
    this.state = recorded.reduce(fold, before);
    for (const listener of this.#listeners) listener(recorded, before, this.state);
  }
}
