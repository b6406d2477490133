import type { EventId } from '../../shared/events.js';
import { type EventToAppend, maxEventBytes, maxEventsPerAppend } from '../ports/event-log.js';
import { EventIdReusedError, EventTooLargeError } from '../ports/event-log-errors.js';

/**
 * What every adapter refuses before it asks its store.
 * @throws EventTooLargeError, EventIdReusedError
 */
export function checkAppend(events: readonly EventToAppend[]): void {
  if (events.length > maxEventsPerAppend) {
    throw new EventTooLargeError(
      `an append of ${events.length} events: at most ${maxEventsPerAppend} fit into one`,
    );
  }
  const ids = new Set<EventId>();
  for (const { id, type, data, metadata } of events) {
    const size = data.byteLength + metadata.byteLength;
    if (size > maxEventBytes) {
      throw new EventTooLargeError(
        `a ${type} of ${size} bytes: at most ${maxEventBytes} fit into one event`,
      );
    }
    if (ids.has(id)) throw new EventIdReusedError(id);
    ids.add(id);
  }
}
