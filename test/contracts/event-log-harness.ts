import type { EventLog } from '../../control-plane/ports/event-log.js';

/** Where a subscription's connection is cut. */
export const boundaries = ['before-confirmation', 'mid-page', 'at-caught-up', 'live'] as const;
export type Boundary = (typeof boundaries)[number];

/** A fresh, empty store and ways to reach it. Everything opened closes when the test ends. */
export interface LogHarness {
  readonly log: EventLog;
  /** Another instance on the same store, as another control plane has one. */
  another(): Promise<EventLog>;
  /** Only where there is a connection: what may happen to it. */
  readonly faults?: {
    /** The next append is written, but its answer never arrives. */
    loseNextAnswer(): void;
    /** The next subscription to get there loses its connection. */
    cutSubscription(at: Boundary): void;
  };
}

export type OpenLog = () => Promise<LogHarness>;

export function pick<Item>(items: readonly Item[], index: number): Item {
  const item = items[index % items.length];
  if (item === undefined) throw new RangeError('nothing to pick from');
  return item;
}
