import { randomUUID } from 'node:crypto';
import type {
  EventConsumer,
  EventLog,
  EventToAppend,
  StoredEvent,
} from '../../control-plane/ports/event-log.js';
import type { EventId } from '../../shared/events.js';
import type { ExpectedRevision } from '../../shared/revision.js';

/** An event that no adapter looks into. */
export function someEvent(more: Partial<EventToAppend> = {}): EventToAppend {
  return {
    id: randomUUID() as EventId,
    type: 'Something',
    data: Buffer.from(`{"n":"${randomUUID()}"}`),
    metadata: Buffer.from('{"time":"2026-01-02T03:04:05.006Z"}'),
    ...more,
  };
}

export type Batch = [EventToAppend, ...EventToAppend[]];

export function someEvents(count: number): Batch {
  const [first, ...rest] = Array.from({ length: count }, () => someEvent());
  if (first === undefined) throw new RangeError('at least one event');
  return [first, ...rest];
}

/** Appends at whatever the head is, deciding anew on each conflict; answers the ids written. */
export async function appendAnyhow(log: EventLog, count = 1): Promise<readonly EventId[]> {
  for (;;) {
    const events = someEvents(count);
    try {
      await log.append(await log.head(), events);
      return events.map(({ id }) => id);
    } catch (error) {
      if (!hasCode(error, 'SIGNET_REVISION_CONFLICT')) throw error;
    }
  }
}

/** By code and not by class: a suite may run an adapter out of the built output. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

export async function readAll(log: EventLog, from = 0): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  for await (const batch of log.read(from as StoredEvent['revision'])) events.push(...batch);
  return events;
}

/** A consumer that keeps what it gets; `reached` and `isCaughtUp` wait for it without polling. */
export class CollectingConsumer implements EventConsumer {
  readonly received: StoredEvent[] = [];
  readonly batchSizes: number[] = [];
  readonly caughtUpAt: ExpectedRevision[] = [];
  #waiting: (() => void)[] = [];

  events(batch: readonly StoredEvent[]): Promise<void> | void {
    this.received.push(...batch);
    this.batchSizes.push(batch.length);
    this.#wake();
  }

  caughtUp(head: ExpectedRevision): Promise<void> | void {
    this.caughtUpAt.push(head);
    this.#wake();
  }

  get revisions(): number[] {
    return this.received.map(({ revision }) => revision);
  }

  async has(count: number): Promise<void> {
    await this.#until(() => this.received.length >= count);
  }

  async isCaughtUp(): Promise<void> {
    await this.#until(() => this.caughtUpAt.length > 0);
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** `0 … count-1`, or from another start. */
export function range(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}
