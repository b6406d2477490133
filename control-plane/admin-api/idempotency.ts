import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Idempotency, RecordedEvent } from '../../shared/events.js';
import type { IdempotentWrite } from '../domain/state.js';
import { decodeEvent } from '../events/codec.js';
import type { EventLog } from '../ports/event-log.js';
import type { RawObject, RawValue } from './body/raw-value.js';
import { Refusal } from './refusal.js';
import { waitParameters } from './wait-applied.js';

/**
 * The request's `Idempotency-Key`, bound to who asks for what, so that one key stands for one request.
 * The form of the body (JSON, multipart) does not matter, only what it says; nor does how long the caller
 * waits for the nodes.
 * @throws Refusal 400 if the header is no key.
 */
export function idempotencyOf(
  request: FastifyRequest,
  actor: string,
  parameters: RawObject | undefined,
): Idempotency | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new Refusal(400, {
      message: 'Idempotency-Key must be 1 to 255 visible ASCII characters',
    });
  }
  const url = new URL(request.url, 'http://admin');
  for (const name of waitParameters) url.searchParams.delete(name);
  const path = `${url.pathname}${url.search}`;
  const said = [actor, request.method, path, canonical(parameters ?? null)];
  return { key, request: createHash('sha256').update(JSON.stringify(said)).digest('hex') };
}

/** The events of a write that was carried out before. */
export async function eventsOf(log: EventLog, write: IdempotentWrite): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const batch of log.read(write.first)) {
    for (const stored of batch) {
      if (stored.revision > write.last) return events;
      events.push(decodeEvent(stored).recorded);
    }
  }
  return events;
}

function canonical(value: RawValue): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (!(value instanceof Map)) return typeof value === 'string' ? value.trim() : value;
  return [...value]
    .map(([key, each]) => [key, canonical(each)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
