import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { type EncodedEvents, encodeEvents } from '../../control-plane/events/codec.js';
import { chainStart } from '../../control-plane/events/hash-chain.js';
import type { EventLog, EventToAppend, StoredEvent } from '../../control-plane/ports/event-log.js';
import type { EventId, EventMetadata, GatewayEvent } from '../../shared/events.js';
import type { NodeId } from '../../shared/gateway-model.js';
import { revision } from '../../shared/revision.js';
import {
  api,
  apiAdded,
  apiDeleted,
  apiUpdated,
  certificate,
  certUploaded,
  keyErased,
  nodeAdmitted,
  nodeRevoked,
  plugin,
  pluginAdded,
  pluginDeleted,
  pluginUpdated,
  revisionServed,
} from './gateway-fixtures.js';

// Few ids, names and hosts, so that histories collide on purpose, also in ways no command leads to.
const few = fc.integer({ min: 1, max: 4 });
const anApi = fc
  .tuple(few, few, few, fc.boolean(), fc.boolean())
  .map(([id, name, host, path, strip]) =>
    api(id, {
      name: `api-${name}`,
      ...(strip ? {} : { requestHost: `Host-${host}.test` }),
      ...(path && { requestPath: `/${host}` }),
      stripRequestPath: strip,
      preserveHost: path,
    }),
  );
const aPlugin = fc
  .tuple(few, fc.oneof(few, fc.constant('all' as const)), few, fc.boolean())
  .map(([id, scope, cert, enabled]) => plugin(id, scope, cert, { enabled, onlyHttps: !enabled }));

export const arbitraryEvent: fc.Arbitrary<GatewayEvent> = fc.oneof(
  few.map(nodeAdmitted),
  few.map(nodeRevoked),
  few.map(revisionServed),
  anApi.map(apiAdded),
  anApi.map(apiUpdated),
  few.map(apiDeleted),
  aPlugin.map(pluginAdded),
  aPlugin.map(pluginUpdated),
  few.map(pluginDeleted),
  fc.tuple(few, few).map(([id, chain]) => certUploaded(certificate(id, chain))),
  few.map(keyErased),
  few.map<GatewayEvent>((n) => ({
    type: 'NodeAdmitted',
    data: { node: { id: nodeId(n), name: `node-${n}`, joinedAt: n } },
  })),
  few.map<GatewayEvent>((n) => ({ type: 'NodeRevoked', data: { nodeId: nodeId(n) } })),
);

/** The cast mints what a parser would check. */
function nodeId(n: number): NodeId {
  return `99999999-0000-4000-8000-${String(n).padStart(12, '0')}` as NodeId;
}

/** Any events after the one that every log begins with; some belong to idempotent requests. */
export const arbitraryHistory: fc.Arbitrary<EncodedEvents> = fc
  .array(fc.tuple(arbitraryEvent, fc.option(few, { nil: undefined })), { maxLength: 40 })
  .map((events) =>
    encodeHistory([
      { event: { type: 'LogCreated', data: { logId: randomUUID() } } },
      ...events.map(([event, request]) => ({ event, ...(request && { request }) })),
    ]),
  );

export interface HistoryItem {
  readonly event: GatewayEvent;
  /** Marks the event as of an idempotent request. */
  readonly request?: number;
}

export function encodeHistory(items: readonly HistoryItem[], head = chainStart): EncodedEvents {
  return encodeEvents(
    head,
    items.map(({ event, request }) => ({
      id: randomUUID() as EventId,
      event,
      metadata: someMetadata(request),
    })),
  );
}

function someMetadata(request: number | undefined): EventMetadata {
  const metadata = { time: '2026-01-02T03:04:05.006Z', actor: 'system', correlationId: 'c' };
  if (request === undefined) return metadata;
  return {
    ...metadata,
    idempotency: { key: `key-${request}`, request: String(request).repeat(64) },
  };
}

/** As a log would answer them. */
export function asStored(events: readonly EventToAppend[], from = 0): StoredEvent[] {
  return events.map((event, index) => ({ ...event, revision: revision(from + index) }));
}

/** Appends in as many appends as the limits of the port ask for. */
export async function appendAll(log: EventLog, events: readonly EventToAppend[]): Promise<void> {
  for (let from = 0; from < events.length; from += 100) {
    const [first, ...rest] = events.slice(from, from + 100);
    if (first !== undefined) await log.append(await log.head(), [first, ...rest]);
  }
}
