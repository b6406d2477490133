import { describe } from 'vitest';
import { itAppends } from './event-log-appends.js';
import type { OpenLog } from './event-log-harness.js';
import { itReadsAndSubscribes } from './event-log-subscriptions.js';

/** The fourteen points every event log keeps; the number of each stands before its name. */
export function describeEventLogContract(name: string, open: OpenLog): void {
  describe(`${name} keeps the event log's contract`, () => {
    itAppends(open);
    itReadsAndSubscribes(open);
  });
}
