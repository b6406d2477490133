import { parseServerName } from '../../shared/hostname.js';
import type { Match, RouteTable } from '../routing/route-table.js';
import type { Downstream } from './client/downstream.js';
import type { RequestHead } from './client/request-head.js';
import type { GatewayContext } from './gateway.js';
import type { GatewayAnswer } from './gateway-answers.js';

/** How often a request may pass this gateway: more is a route that leads back to it. */
const maxPasses = 8;

/** Whether the connection was made for another API than the request is for (RFC 9110 §15.5.20). */
export function isMisdirected(
  { serverName }: Downstream,
  match: Match,
  routes: RouteTable,
): boolean {
  if (serverName === undefined || match.by === 'path') return false;
  if (match.host === serverName) return false;
  const name = parseServerName(serverName);
  const named = name && routes.selectByServerName(name);
  return named?.api.id !== match.route.api.id;
}

/**
 * Whether a proxy in front says that it took the request over HTTPS, where the API believes it
 * (`accept_http_if_already_terminated`): by one `X-Forwarded-Proto: https`, no list.
 */
export function saysItCameByHttps({ fields }: RequestHead, { route }: Match): boolean {
  if (!route.acceptsTerminatedHttps || fields.forwardedProto.length !== 1) return false;
  return fields.forwardedProto[0]?.toLowerCase() === 'https';
}

/**
 * What an API that wants HTTPS answers without it. Clients are sent only to the host they asked for
 * themselves, and only if it is an API's: any other is whatever the sender of the request made up, which
 * a cache in between may keep for others.
 */
export function answerToPlainHttp(
  head: RequestHead,
  match: Match,
  { answers, options }: GatewayContext,
): GatewayAnswer {
  const status = match.route.httpsRedirectStatusCode;
  if (status === 426 || match.by === 'path' || match.host !== head.host.name) {
    return answers.httpsRequired();
  }
  const port = options.httpsPort === 443 ? '' : `:${options.httpsPort}`;
  return answers.redirectToHttps(status, `https://${match.host}${port}${head.path}${head.query}`);
}

/**
 * Whether a request has passed this gateway too often.
 * @param via what the request says of its way.
 * @param viaName this gateway in it: who received it is the second word of each member (RFC 9110 §7.6.3).
 */
export function isLoop(via: string | undefined, viaName: string): boolean {
  if (via === undefined || !via.includes(viaName)) return false;
  const passes = via.split(',').filter((hop) => hop.trim().split(/[ \t]+/, 2)[1] === viaName);
  return passes.length >= maxPasses;
}
