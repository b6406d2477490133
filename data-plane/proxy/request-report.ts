import type { Logger } from '../../shared/logger.js';
import type { AccessEntry } from '../access-log/access-log.js';
import type { Match } from '../routing/route-table.js';
import type { RequestHead } from './client/request-head.js';
import { type ProxyError, statusOf } from './proxy-error.js';
import { traceIdOf } from './request-ids.js';

/** What logs say of a request, as far as it came; made only where something is said. */
export interface KnownRequest {
  readonly requestId: string;
  /** `undefined` where it could not be read. */
  readonly head: RequestHead | undefined;
  /** `undefined` where no API was found, or none was looked for. */
  readonly match: Match | undefined;
}

/** A request that failed is a warning; a client that went away is its own affair. */
export function reportFailure(logger: Logger, request: KnownRequest, error: ProxyError): void {
  const route = request.match?.route;
  const fields = {
    requestId: request.requestId,
    traceId: traceIdIn(request.head),
    ...error,
    status: statusOf(error),
    api: route?.api.name,
    upstream: route?.target?.origin,
  };
  if (error.source === 'downstream') logger.debug(fields, 'client went away');
  else logger.warn(fields, 'request failed');
}

/** A request that has ended, for the access log. */
export function accessEntry(
  { requestId, head, match }: KnownRequest,
  { client, scheme, status, durationMs }: RequestOutcome,
): AccessEntry {
  return {
    client,
    scheme,
    method: head?.method ?? '',
    host: head?.host.text ?? '',
    path: head?.path ?? '',
    status,
    durationMs,
    api: match?.route.api.name,
    requestId,
    traceId: traceIdIn(head),
  };
}

type RequestOutcome = Pick<AccessEntry, 'client' | 'scheme' | 'status' | 'durationMs'>;

function traceIdIn(head: RequestHead | undefined): string | undefined {
  const traceparent = head?.fields.traceparent;
  return traceparent === undefined ? undefined : traceIdOf(traceparent);
}
