import { STATUS_CODES } from 'node:http';
import type { ResponseLength, ResponseStart } from '../client/response-start.js';
import { type FieldLines, withoutFields } from '../field-lines.js';
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

const nonAscii = /[\x80-\xff]/;

/**
 * The status line and fields that the client gets for an upstream's response.
 *
 * @param withheldLength see `ResponseStart`.
 */
export function writeClientResponse(
  head: ResponseHead,
  trace: GatewayTrace,
  withheldLength: number | undefined,
): ResponseStart {
  const { via, requestId, hsts, upstreamLatencyMs, proxyLatencyMs } = trace;
  let lines = withoutNominated(head.endToEnd, head.connectionOptions);
  if (hsts !== undefined) {
    // One field and no more: browsers read the first alone (RFC 6797 §8.1).
    lines = withoutFields(lines, (name) => name === 'strict-transport-security');
    lines += `\r\nStrict-Transport-Security: ${hsts}`;
  }
  lines += `\r\nVia: ${via}\r\nX-Kong-Upstream-Latency: ${upstreamLatencyMs}\r\nX-Kong-Proxy-Latency: ${proxyLatencyMs}`;
  const status = statusText(head.status, head.reason);
  return { status, requestId, lines, isAscii: head.isAscii, withheldLength };
}

/** Drops the fields that `Connection` names (RFC 9110 §7.6.1). */
function withoutNominated(lines: FieldLines, options: readonly string[]): FieldLines {
  return nominatesFields(options) ? withoutFields(lines, (name) => options.includes(name)) : lines;
}

/** The start of a 101: the engine writes the fields of the handshake itself. */
export function writeSwitchingProtocols(
  head: ResponseHead,
  received: FieldLines,
  { via, requestId }: Pick<GatewayTrace, 'via' | 'requestId'>,
): ResponseStart {
  return {
    status: '101 Switching Protocols',
    requestId,
    lines: `${withoutNominated(received, head.connectionOptions)}\r\nVia: ${via}`,
    isAscii: head.isAscii,
    withheldLength: undefined,
  };
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

/** The declared length of a response whose body is not sent (RFC 9110 §9.3.2). */
export function withheldLength(head: ResponseHead, toHead: boolean): number | undefined {
  return toHead || head.status === 304 ? head.contentLength : undefined;
}

/** The engine takes the status line as it is; bytes above 0x7f would leave it as UTF-8. */
export function statusText(status: number, reason: string): string {
  if (status === 200 && reason === 'OK') return '200 OK';
  if (reason !== '' && !nonAscii.test(reason)) return `${status} ${reason}`;
  return `${status} ${STATUS_CODES[status] ?? ''}`.trimEnd();
}
