import { STATUS_CODES } from 'node:http';
import type { ResponseLength, ResponseStart } from '../client/response-start.js';
import { nominatesFields } from '../field-list.js';
import type { ResponseHead } from '../upstream/response-head.js';

/** What the gateway says about its own part in an answer. */
export interface GatewayTrace {
  /** `signet/1.2.3`. */
  readonly via: string;
  readonly requestId: string;
  /** Value of `Strict-Transport-Security`; the upstream's own stays if `undefined`. */
  readonly hsts: string | undefined;
  readonly upstreamLatencyMs: number;
  readonly proxyLatencyMs: number;
}

/**
 * Not passed on: hop-by-hop fields, what the engine writes itself (a second `Date` or length beside its
 * own would stay), and what the gateway says.
 */
const dropped = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'date',
  'content-length',
  'x-request-id',
];
/** Asked by the length of a name: nearly no field is one of them, and a hash of each would cost more. */
const droppedByLength = Array.from({ length: 18 }, (_, length) => {
  return dropped.filter((name) => name.length === length);
});
const nonAscii = /[\x80-\xff]/;

/** The status line and fields that the client gets for an upstream's response. */
export function writeClientResponse(head: ResponseHead, trace: GatewayTrace): ResponseStart {
  const fields = endToEndFields(head.fields, head.connectionOptions);
  if (trace.hsts !== undefined) setStrictTransportSecurity(fields, trace.hsts);
  fields.push(
    'Via',
    trace.via,
    'X-Request-Id',
    trace.requestId,
    'X-Kong-Upstream-Latency',
    `${trace.upstreamLatencyMs}`,
    'X-Kong-Proxy-Latency',
    `${trace.proxyLatencyMs}`,
  );
  return { status: statusText(head.status, head.reason), fields, isAscii: head.isAscii };
}

function endToEndFields(
  received: readonly string[],
  connectionOptions: readonly string[],
): string[] {
  const fields: string[] = [];
  const nominates = nominatesFields(connectionOptions);
  for (let i = 0; i < received.length; i += 2) {
    const name = received[i] as string; // fields come in pairs
    const value = received[i + 1] as string;
    if (isDropped(name)) continue;
    if (nominates && connectionOptions.includes(name.toLowerCase())) continue;
    fields.push(name, value);
  }
  return fields;
}

function isDropped(name: string): boolean {
  const ofItsLength = droppedByLength[name.length];
  if (ofItsLength === undefined || ofItsLength.length === 0) return false;
  return ofItsLength.includes(name.toLowerCase());
}

/** One field and no more: browsers read the first alone (RFC 6797 §8.1). */
function setStrictTransportSecurity(fields: string[], value: string): void {
  for (let i = fields.length - 2; i >= 0; i -= 2) {
    if (fields[i]?.toLowerCase() === 'strict-transport-security') fields.splice(i, 2);
  }
  fields.push('Strict-Transport-Security', value);
}

/** The start of a 101: the engine writes the fields of the handshake itself. */
export function writeSwitchingProtocols(
  head: ResponseHead,
  received: readonly string[],
  { via, requestId }: Pick<GatewayTrace, 'via' | 'requestId'>,
): ResponseStart {
  const fields = endToEndFields(received, head.connectionOptions);
  fields.push('Via', via, 'X-Request-Id', requestId);
  return { status: '101 Switching Protocols', fields, isAscii: head.isAscii };
}

/** How the body reaches the client. A HEAD's or 304's length is a field like any other. */
export function responseLength(head: ResponseHead): ResponseLength {
  const { framing } = head;
  switch (framing.kind) {
    case 'none':
      return 'none';
    case 'length':
      return framing.length;
    case 'chunked':
    case 'until-close':
      return 'unknown';
    default:
      return framing satisfies never;
  }
}

/** The framing fields of a response without a body, as they would be with one (RFC 9110 §9.3.2). */
export function bodylessFields(head: ResponseHead, toHead: boolean): string[] {
  if (!toHead && head.status !== 304) return [];
  return head.contentLength === undefined ? [] : ['Content-Length', `${head.contentLength}`];
}

/** The engine takes the status line as it is; bytes above 0x7f would leave it as UTF-8. */
export function statusText(status: number, reason: string): string {
  if (status === 200 && reason === 'OK') return '200 OK';
  if (reason !== '' && !nonAscii.test(reason)) return `${status} ${reason}`;
  return `${status} ${STATUS_CODES[status] ?? ''}`.trimEnd();
}
