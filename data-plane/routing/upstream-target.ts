import { createHash } from 'node:crypto';
import { canonicalText } from '../../shared/canonical-json.js';
import type { Api } from '../../shared/gateway-model.js';

/** One server that connections go to. */
export interface Endpoint {
  /** Name or address, without the brackets of an IPv6 literal. */
  readonly host: string;
  readonly port: number;
  readonly weight: number;
}

/** Where a route's requests go, compiled once per revision. */
export interface UpstreamTarget {
  readonly secure: boolean;
  /** What SNI asks for and certificates have to name; without the brackets of an IPv6 literal. */
  readonly hostname: string;
  /** The URL as far as it names an origin: `https://example.org:443`. */
  readonly origin: string;
  /** Path of the URL without one slash at its end; empty for `/`. */
  readonly basePath: string;
  /** What `Host` says unless the client's is kept: with the port if one was given, or for https. */
  readonly hostHeader: string;
  /** Never empty. */
  readonly endpoints: readonly Endpoint[];
  /** PEM; `undefined`: the roots that the node trusts. */
  readonly ca: string | undefined;
  /** `undefined`: as the node is configured. */
  readonly verify: boolean | undefined;
  /** Upstreams of the same name share their connections. */
  readonly pool: string;
}

const upstreamUrlSyntax = /^https?:\/\/[^/?#]+([^?#]*)/i;
const visibleAscii = /^[!-~]*$/;

/** `undefined` if `upstreamUrl` is no absolute http(s) URL. A query or fragment in it is not used. */
export function compileUpstream(
  api: Pick<Api, 'upstreamUrl' | 'upstreamTargets' | 'upstreamCa' | 'upstreamVerify'>,
): UpstreamTarget | undefined {
  const url = api.upstreamUrl;
  const rawPath = upstreamUrlSyntax.exec(url)?.[1];
  if (rawPath === undefined || !URL.canParse(url)) return undefined;
  const parsed = new URL(url);
  const secure = parsed.protocol === 'https:';
  // URL drops a port that is the scheme's default, so whether one was given is read off the text.
  const portGiven = /^https?:\/\/(?:[^/?#@]*@)?(?:\[[^\]]*\]|[^/?#:]*):[0-9]+/i.test(url);
  const port = parsed.port === '' ? (secure ? 443 : 80) : Number(parsed.port);
  // Paths stay as they were written: URL would fold `..` and re-encode.
  const path = visibleAscii.test(rawPath) ? rawPath : parsed.pathname;
  const hostname = parsed.hostname.replace(/^\[|\]$/g, '');
  const origin = `${parsed.protocol}//${parsed.hostname}:${port}`;
  const { upstreamTargets: servers = [], upstreamCa: ca, upstreamVerify: verify } = api;
  const endpoints = servers.map((server) => ({ ...server, port: server.port ?? port }));
  const isOrdinary = servers.length === 0 && ca === undefined && verify === undefined;
  return {
    secure,
    hostname,
    origin,
    basePath: path.endsWith('/') ? path.slice(0, -1) : path,
    hostHeader: portGiven || secure ? `${parsed.hostname}:${port}` : parsed.hostname,
    endpoints: endpoints.length > 0 ? endpoints : [{ host: hostname, port, weight: 1 }],
    ca,
    verify,
    pool: isOrdinary ? origin : `${origin} ${digestOf({ endpoints, ca, verify })}`,
  };
}

/** Short, because every request looks its pool up by it: roots alone may be 64 KB. */
function digestOf(settings: object): string {
  return createHash('sha256').update(canonicalText(settings)).digest('base64');
}
