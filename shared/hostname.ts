import type { Brand } from './brand.js';

/** A DNS name in lower case without a dot at its end; never an address, never a pattern. */
export type Hostname = Brand<string, 'Hostname'>;

/**
 * What a `request_host` stands for. `*` is one or more characters, dots included, and everything
 * else is literal: `*.example.org` matches `a.b.example.org`, not `example.org`.
 */
export type HostPattern =
  | { readonly kind: 'exact'; readonly host: Hostname }
  /** `suffix` begins with the dot: `.example.org`. */
  | { readonly kind: 'leading-wildcard'; readonly suffix: string }
  /** `prefix` ends with the dot: `example.`. */
  | { readonly kind: 'trailing-wildcard'; readonly prefix: string };

/** The two readings of a `Host` header: the name to route by and the text as it was sent. */
export interface HostHeader {
  /** `undefined` for an address in brackets and for an empty host. */
  readonly name: Hostname | undefined;
  /** As sent, port cut off. */
  readonly text: string;
}

const maxHostnameLength = 253;
const hostnameSyntax = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;
const hostHeaderSyntax = /^([A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?$/;

/**
 * Reads a name in any letter case, with or without the dot of the root at its end. `undefined` if it
 * is none: empty labels, characters other than letters, digits, `-`, `_`, or more than 253 of them.
 */
export function parseHostname(text: string): Hostname | undefined {
  const lowerCase = text.toLowerCase();
  const name = lowerCase.endsWith('.') ? lowerCase.slice(0, -1) : lowerCase;
  if (name.length > maxHostnameLength || !hostnameSyntax.test(name)) return undefined;
  return name as Hostname;
}

/**
 * The name of a TLS client's SNI. `undefined` for what no certificate can be bound to: addresses
 * with colons, UTF-8, spaces, patterns. The engine hands all of these on, so nothing else may be
 * used as a key or a file name.
 */
export function parseServerName(sni: string): Hostname | undefined {
  return parseHostname(sni);
}

/** The engine's own limit: it never finds a name with more labels than this. */
const maxServerNameLabels = 10;
const endsInNumber = /(?:^|\.)[0-9]+$/;

/**
 * Whether a client can ask for the name and be shown its certificate: SNI has no place for addresses (RFC
 * 6066 §3), and no top-level domain is a number, which an IPv4 address ends in.
 */
export function isServerName(host: Hostname): boolean {
  return !endsInNumber.test(host) && hasFewLabels(host);
}

function hasFewLabels(host: string): boolean {
  let count = 1;
  for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) count += 1;
  return count <= maxServerNameLabels;
}

/** Splits a `Host` header (RFC 9110 §7.2). `undefined` if it is not `host[:port]`. */
export function parseHostHeader(value: string): HostHeader | undefined {
  // A name in lower case without a port is nearly all that is ever sent.
  if (value.length <= maxHostnameLength && hostnameSyntax.test(value)) {
    return { name: value as Hostname, text: value };
  }
  const parts = hostHeaderSyntax.exec(value);
  const text = parts?.[1];
  if (text === undefined) return undefined;
  if (text === '' || text.startsWith('[')) return { name: undefined, text };
  const name = parseHostname(text);
  return name === undefined ? undefined : { name, text };
}

/** Reads a `request_host`. `undefined` if it is neither a name nor a name with one `*` at an end. */
export function parseHostPattern(requestHost: string): HostPattern | undefined {
  if (requestHost.startsWith('*.')) {
    const rest = parseHostname(requestHost.slice(2));
    return rest && { kind: 'leading-wildcard', suffix: `.${rest}` };
  }
  if (requestHost.endsWith('.*')) {
    const rest = parseHostname(requestHost.slice(0, -2));
    return rest && { kind: 'trailing-wildcard', prefix: `${rest}.` };
  }
  const host = parseHostname(requestHost);
  return host && { kind: 'exact', host };
}

export function matchesHost(pattern: HostPattern, host: Hostname): boolean {
  switch (pattern.kind) {
    case 'exact':
      return host === pattern.host;
    case 'leading-wildcard':
      return host.length > pattern.suffix.length && host.endsWith(pattern.suffix);
    case 'trailing-wildcard':
      return host.length > pattern.prefix.length && host.startsWith(pattern.prefix);
    default:
      return pattern satisfies never;
  }
}
