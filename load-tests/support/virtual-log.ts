import { randomUUID } from 'node:crypto';
import { encodeEvents } from '../../control-plane/events/codec.js';
import { type ChainHead, chainStart } from '../../control-plane/events/hash-chain.js';
import type { EventLog, StoredEvent } from '../../control-plane/ports/event-log.js';
import type { EventId, GatewayEvent } from '../../shared/events.js';
import { nextRevision, type Revision } from '../../shared/revision.js';

const batchSize = 500;
const startedAt = Date.parse('2026-01-01T00:00:00Z');
/** One event each so many milliseconds. */
export const eventEveryMs = 1000;

/**
 * A log that is made up while it is read, from the beginning only: a million events take no disk and no
 * disk's time, so what is measured is the reader.
 */
export class VirtualLog implements Pick<EventLog, 'read' | 'head'> {
  readonly #count: number;
  readonly #eventAt: (n: number) => GatewayEvent;
  /** After everything was read once. */
  chain: ChainHead = chainStart;

  constructor(count: number, eventAt: (n: number) => GatewayEvent) {
    this.#count = count;
    this.#eventAt = eventAt;
  }

  async *read(from: Revision): AsyncIterable<readonly StoredEvent[]> {
    let chain = chainStart;
    if (from !== 0) throw new RangeError('a virtual log is read from its beginning');
    for (let first = 0; first < this.#count; first += batchSize) {
      const last = Math.min(first + batchSize, this.#count);
      const events = Array.from({ length: last - first }, (_, index) => this.#dress(first + index));
      const encoded = encodeEvents(chain, events);
      let revision = nextRevision(chain.revision);
      const stored: StoredEvent[] = [];
      for (const event of encoded.toAppend) {
        stored.push({ ...event, revision });
        revision = nextRevision(revision);
      }
      chain = encoded.head;
      yield stored;
    }
    this.chain = chain;
  }

  async head() {
    return this.chain.revision;
  }

  #dress(n: number) {
    const metadata = {
      time: new Date(startedAt + n * eventEveryMs).toISOString(),
      actor: `actor-${n % 7}`,
      correlationId: `correlation-${n}`,
    };
    return { id: randomUUID() as EventId, event: this.#eventAt(n), metadata };
  }
}
