import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  decodeEvent,
  decodeEvents,
  type EventToEncode,
  encodeEvents,
} from '../../control-plane/events/codec.js';
import {
  EventChainBrokenError,
  EventUnreadableError,
} from '../../control-plane/events/event-errors.js';
import { chainStart, eventHash } from '../../control-plane/events/hash-chain.js';
import type { StoredEvent } from '../../control-plane/ports/event-log.js';
import type { EventId } from '../../shared/events.js';
import { revision } from '../../shared/revision.js';

const metadata = { time: '2026-01-02T03:04:05.006Z', actor: 'system', correlationId: 'c-1' };

function eventToEncode(more: Partial<EventToEncode> = {}): EventToEncode {
  return {
    id: randomUUID() as EventId,
    event: { type: 'LogCreated', data: { logId: randomUUID() } },
    metadata,
    ...more,
  };
}

function stored(events: readonly EventToEncode[]): StoredEvent[] {
  const { toAppend } = encodeEvents(chainStart, events);
  return toAppend.map((event, index) => ({ ...event, revision: revision(index) }));
}

function one(): StoredEvent {
  const [event] = stored([eventToEncode()]);
  if (event === undefined) throw new Error('one event in, one event out');
  return event;
}

/** Rewrites a stored event's parts and gives it a matching hash, as a newer version would write it. */
function rewritten(event: StoredEvent, change: { type?: string; data?: object; version?: number }) {
  const type = change.type ?? event.type;
  const data = change.data === undefined ? event.data : Buffer.from(JSON.stringify(change.data));
  const { hash: _, ...rest } = JSON.parse(Buffer.from(event.metadata).toString());
  const hashed = JSON.stringify({ ...rest, version: change.version ?? 1 }).slice(1);
  const hash = eventHash(event.revision, event.id, type, data, Buffer.from(hashed));
  return { ...event, type, data, metadata: Buffer.from(`{"hash":"${hash}",${hashed}`) };
}

describe('event codec', () => {
  it('reads back what it wrote', () => {
    const events = [
      eventToEncode(),
      eventToEncode({
        metadata: { ...metadata, idempotency: { key: 'k', request: '0'.repeat(64) } },
      }),
    ];
    const encoded = encodeEvents(chainStart, events);
    const decoded = decodeEvents(chainStart, stored(events));
    expect(decoded.recorded).toEqual(encoded.recorded);
    expect(decoded.head).toEqual(encoded.head);
  });

  it('continues a chain where it stands', () => {
    const [first, second] = [eventToEncode(), eventToEncode()];
    const one = encodeEvents(chainStart, [first]);
    expect(encodeEvents(one.head, [second]).head).toEqual(
      encodeEvents(chainStart, [first, second]).head,
    );
  });

  it('writes the same bytes for the same event', () => {
    const event = eventToEncode();
    expect(encodeEvents(chainStart, [event]).toAppend).toEqual(
      encodeEvents(chainStart, [event]).toAppend,
    );
  });

  it('finds every single changed byte', () => {
    const event = one();
    for (const part of ['data', 'metadata'] as const) {
      for (let at = 0; at < event[part].byteLength; at++) {
        const changed = Buffer.from(event[part]);
        changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
        expect(() => decodeEvent({ ...event, [part]: changed })).toThrow();
      }
    }
  });

  it('names the revision at which events were reordered, removed or inserted', () => {
    const [a, b, c] = stored([eventToEncode(), eventToEncode(), eventToEncode()]);
    if (a === undefined || b === undefined || c === undefined) throw new Error('three events');
    const brokenAt = (events: StoredEvent[]) => {
      try {
        decodeEvents(chainStart, events);
      } catch (error) {
        return error instanceof EventChainBrokenError ? error.revision : error;
      }
      return 'whole';
    };
    expect(brokenAt([a, b, c])).toBe('whole');
    expect(brokenAt([a, c])).toBe(1);
    expect(brokenAt([a, { ...c, revision: revision(1) }])).toBe(1);
    expect(brokenAt([a, a, b])).toBe(1);
  });

  it('says which event it cannot read, and why', () => {
    const event = one();
    expect(() => decodeEvent(rewritten(event, { type: 'HostRenamed' }))).toThrow(
      /revision 0: unknown event type "HostRenamed"/,
    );
    expect(() => decodeEvent(rewritten(event, { version: 2 }))).toThrow(/LogCreated has version 2/);
    expect(() => decodeEvent(rewritten(event, { data: { logId: 7 } }))).toThrow(/\/logId/);
    expect(() => decodeEvent(rewritten(event, { data: { logId: randomUUID(), more: 1 } }))).toThrow(
      EventUnreadableError,
    );
  });

  it('refuses what JSON in UTF-8 cannot carry', () => {
    const actor = 'half a \ud83d';
    expect(() =>
      encodeEvents(chainStart, [eventToEncode({ metadata: { ...metadata, actor } })]),
    ).toThrow(TypeError);
  });
});
