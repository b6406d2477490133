import { randomUUID } from 'node:crypto';
import { type EncodedEvents, encodeEvents } from '../control-plane/events/codec.js';
import type { ChainHead } from '../control-plane/events/hash-chain.js';
import type { EventLog, EventToAppend } from '../control-plane/ports/event-log.js';
import type { EventId, GatewayEvent } from '../shared/events.js';
import type { Api, ApiId, Certificate, PluginId } from '../shared/gateway-model.js';
import { someCertificate } from '../test/support/some-certificate.js';

/** What one new host leaves in the log: its API, a chain (of about 2 KB), the plugin that binds them. */
export function newHost(
  n: number,
  certificate: Certificate = someCertificate(`host-${n}.load.test`),
): GatewayEvent[] {
  const createdAt = 1_767_225_600_000;
  const api: Api = {
    id: randomUUID() as ApiId,
    createdAt,
    name: `api-${n}`,
    requestHost: certificate.names[0] ?? '',
    upstreamUrl: 'http://127.0.0.1:9000',
    stripRequestPath: false,
    preserveHost: false,
  };
  return [
    { type: 'ApiAdded', data: { api } },
    { type: 'CertUploaded', data: { certificate } },
    {
      type: 'PluginAdded',
      data: {
        plugin: {
          id: randomUUID() as PluginId,
          name: 'ssl',
          apiId: api.id,
          createdAt,
          enabled: true,
          config: {
            certificateId: certificate.id,
            onlyHttps: false,
            acceptHttpIfAlreadyTerminated: false,
          },
        },
      },
    },
  ];
}

export function logCreated(): GatewayEvent {
  return { type: 'LogCreated', data: { logId: randomUUID() } };
}

export function encode(head: ChainHead, events: readonly GatewayEvent[]): EncodedEvents {
  const metadata = {
    time: '2026-01-02T03:04:05.006Z',
    actor: 'load test',
    correlationId: randomUUID(),
  };
  return encodeEvents(
    head,
    events.map((event) => ({ id: randomUUID() as EventId, event, metadata })),
  );
}

/** Appends, as one append, what was encoded after `head`. */
export async function appendEncoded(
  log: EventLog,
  head: ChainHead,
  { toAppend }: EncodedEvents,
): Promise<void> {
  const [first, ...rest] = toAppend;
  if (first === undefined) return;
  const events: [EventToAppend, ...EventToAppend[]] = [first, ...rest];
  await log.append(head.revision, events);
}

/** Fills a log with `hosts` new hosts, many to an append; answers its head. */
export async function fillLog(
  log: EventLog,
  hosts: number,
  head: ChainHead,
  eventsOf: (n: number) => readonly GatewayEvent[] = newHost,
): Promise<ChainHead> {
  let last = head;
  for (let n = 0; n < hosts; ) {
    const events: GatewayEvent[] = [];
    while (events.length <= 96 && n < hosts) events.push(...eventsOf(n++));
    const encoded = encode(last, events);
    await appendEncoded(log, last, encoded);
    last = encoded.head;
  }
  return last;
}
