import type { Counter, Histogram } from 'prom-client';
import type { EventLog } from '../ports/event-log.js';
import { RevisionConflictError } from '../ports/event-log-errors.js';

export interface EventLogMeters {
  /** Seconds from asking to durable; failed appends too, by outcome. */
  readonly appendSeconds: Histogram<'outcome'>;
  readonly eventsAppended: Counter;
}

/** The same log, with its appends counted and timed. */
export function measuredEventLog(log: EventLog, meters: EventLogMeters): EventLog {
  return {
    async append(expected, events) {
      const stop = meters.appendSeconds.startTimer();
      try {
        const appended = await log.append(expected, events);
        stop({ outcome: 'appended' });
        meters.eventsAppended.inc(events.length);
        return appended;
      } catch (error) {
        stop({ outcome: error instanceof RevisionConflictError ? 'conflict' : 'failed' });
        throw error;
      }
    },
    read: (from) => log.read(from),
    head: () => log.head(),
    subscribe: (after, consumer, signal) => log.subscribe(after, consumer, signal),
    trim: (before) => log.trim(before),
    close: () => log.close(),
  };
}
