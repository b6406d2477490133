import type { EventId } from '../../../shared/events.js';
import type { Revision } from '../../../shared/revision.js';

/** Where the ids of the latest events seen stand in the log; older ones are forgotten. */
export class RecentIds {
  readonly #revisions = new Map<EventId, Revision>();
  readonly #capacity: number;

  constructor(capacity = 65_536) {
    this.#capacity = capacity;
  }

  note(id: EventId, at: Revision): void {
    this.#revisions.set(id, at);
    if (this.#revisions.size <= this.#capacity) return;
    const oldest = this.#revisions.keys().next();
    if (!oldest.done) this.#revisions.delete(oldest.value);
  }

  revisionOf(id: EventId): Revision | undefined {
    return this.#revisions.get(id);
  }
}
