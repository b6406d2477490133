/** The hop between a client and this gateway. */
export interface Hop {
  /** Address of the connection's other end. */
  readonly peer: string;
  /** `Host` as the client sent it; already known to be well-formed. */
  readonly host: string | undefined;
  readonly scheme: 'http' | 'https';
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const pair = `${token}=(?:${token}|"(?:[^"\\\\]|\\\\.)*")`;
const element = `${pair}(?:;${pair})*`;
const forwardedSyntax = new RegExp(`^${element}(?:[ \\t]*,[ \\t]*${element})*$`);

/**
 * The value of `Forwarded` (RFC 7239 §4): the hops that a trusted peer told of, and this one. What it
 * told is dropped if it is malformed: an open quote in it would swallow what is said here.
 */
export function forwardedBy({ peer, host, scheme }: Hop, before: string | undefined): string {
  const node = peer.includes(':') ? `"[${peer}]"` : peer;
  const hop = host ? `for=${node};host="${host}";proto=${scheme}` : `for=${node};proto=${scheme}`;
  return before !== undefined && forwardedSyntax.test(before) ? `${before}, ${hop}` : hop;
}
