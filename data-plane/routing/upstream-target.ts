/** Where a route's requests go, parsed once per revision. */
export interface UpstreamTarget {
  readonly secure: boolean;
  /** Name or address, without the brackets of an IPv6 literal. */
  readonly hostname: string;
  readonly port: number;
  /** Names the connection pool: `https://example.org:443`. */
  readonly origin: string;
  /** Path of the URL without one slash at its end; empty for `/`. */
  readonly basePath: string;
  /** What `Host` says unless the client's is kept: with the port if one was given, or for https. */
  readonly hostHeader: string;
}

const upstreamUrlSyntax = /^https?:\/\/[^/?#]+([^?#]*)/i;
const visibleAscii = /^[!-~]*$/;

/** `undefined` if `url` is no absolute http(s) URL. A query or fragment in it is not used. */
export function parseUpstreamTarget(url: string): UpstreamTarget | undefined {
  const rawPath = upstreamUrlSyntax.exec(url)?.[1];
  if (rawPath === undefined || !URL.canParse(url)) return undefined;
  const parsed = new URL(url);
  const secure = parsed.protocol === 'https:';
  // URL drops a port that is the scheme's default, so whether one was given is read off the text.
  const portGiven = /^https?:\/\/(?:[^/?#@]*@)?(?:\[[^\]]*\]|[^/?#:]*):[0-9]+/i.test(url);
  const port = parsed.port === '' ? (secure ? 443 : 80) : Number(parsed.port);
  // Paths stay as they were written: URL would fold `..` and re-encode.
  const path = visibleAscii.test(rawPath) ? rawPath : parsed.pathname;
  return {
    secure,
    hostname: parsed.hostname.replace(/^\[|\]$/g, ''),
    port,
    origin: `${parsed.protocol}//${parsed.hostname}:${port}`,
    basePath: path.endsWith('/') ? path.slice(0, -1) : path,
    hostHeader: portGiven || secure ? `${parsed.hostname}:${port}` : parsed.hostname,
  };
}
