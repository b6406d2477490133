import { type ExpectedRevision, nextRevision } from '../../../shared/revision.js';
import type { StoredEvent } from '../../ports/event-log.js';

/**
 * The events that follow `after` without a gap; those at or before it, delivered again, are skipped.
 */
export function contiguous(
  after: ExpectedRevision,
  events: readonly StoredEvent[],
): { readonly events: readonly StoredEvent[]; readonly hasGap: boolean } {
  const following: StoredEvent[] = [];
  let next = nextRevision(after);
  for (const event of events) {
    if (event.revision > next) return { events: following, hasGap: true };
    if (event.revision < next) continue;
    following.push(event);
    next = nextRevision(next);
  }
  return { events: following, hasGap: false };
}
