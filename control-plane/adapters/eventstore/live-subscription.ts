import type { ExpectedRevision } from '../../../shared/revision.js';
import { Wakeup } from '../../../shared/wakeup.js';
import type { StoredEvent } from '../../ports/event-log.js';
import { contiguous } from './contiguous.js';
import { type EventStoreConnection, StoreCallError } from './event-store-connection.js';

export interface LiveSubscriptionOptions {
  readonly connection: EventStoreConnection;
  readonly stream: string;
  /** Last revision delivered. */
  readonly delivered: () => ExpectedRevision;
  readonly deliver: (events: readonly StoredEvent[]) => Promise<void>;
  readonly head: () => Promise<ExpectedRevision>;
  readonly livenessCheckMs: number;
  readonly signal: AbortSignal;
}

/**
 * Follows a stream from the last revision delivered until the signal aborts (returns) or the
 * subscription is cut (throws a `StoreCallError`; catch up by reading, then follow again).
 *
 * A server that holds the connection and says nothing looks like a quiet log. So now and then the
 * head is read: what lies before it and has not arrived by the next look counts as a cut.
 */
export async function followLive(options: LiveSubscriptionOptions): Promise<void> {
  const { connection, stream, delivered, deliver, signal } = options;
  const inbox: StoredEvent[] = [];
  const changed = new Wakeup();
  let cut: unknown;
  const cutWith = (error: unknown) => {
    cut ??= error;
    changed.notify();
  };
  const follow = connection.follow(stream, delivered(), windowBytes, {
    confirmed: () => undefined,
    events(events) {
      inbox.push(...events);
      changed.notify();
    },
  });
  follow.ended.catch(cutWith);
  const onAbort = () => changed.notify();
  signal.addEventListener('abort', onAbort, { once: true });
  const watch = watchLiveness(options, cutWith);
  try {
    while (!signal.aborted) {
      const next = changed.next();
      const arrived = inbox.splice(0);
      if (arrived.length > 0) {
        const { events, hasGap } = contiguous(delivered(), arrived);
        await deliver(events);
        for (const event of arrived) follow.consumed(event);
        if (hasGap) throw cutError('the subscription skipped events');
      } else {
        if (cut !== undefined) throw cut;
        await next;
      }
    }
  } finally {
    clearInterval(watch);
    signal.removeEventListener('abort', onAbort);
    follow.cancel();
  }
}

/** What may be on its way to the consumer: bounds memory, and lets the store keep ahead of it. */
const windowBytes = 1024 * 1024;

function watchLiveness(
  options: LiveSubscriptionOptions,
  cutWith: (error: unknown) => void,
): NodeJS.Timeout {
  const { delivered, head, livenessCheckMs } = options;
  let missing:
    | { readonly head: ExpectedRevision; readonly delivered: ExpectedRevision }
    | undefined;
  let isLooking = false;
  const look = async () => {
    const now = delivered();
    if (missing !== undefined && missing.delivered === now) {
      cutWith(cutError(`the subscription is silent, though the log is at ${missing.head}`));
      return;
    }
    const there = await head();
    missing = there === now || delivered() !== now ? undefined : { head: there, delivered: now };
  };
  return setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    look()
      .catch(cutWith)
      .finally(() => {
        isLooking = false;
      });
  }, livenessCheckMs);
}

function cutError(message: string): StoreCallError {
  return new StoreCallError({ fate: 'retry', maybeDone: false, isClientBroken: false, message });
}
