import { type Hostname, parseServerName } from '../../shared/hostname.js';

/** The engine's own limit: it never finds a name with more labels than this. */
const maxLabels = 10;
const endsInNumber = /(?:^|\.)[0-9]+$/;

/** What a client's SNI asks for, and the bytes under which the engine will look its context up. */
export interface ContextName {
  readonly host: Hostname;
  /** As sent: the engine compares byte for byte, but takes `a.test.` for `a.test`. */
  readonly spelling: string;
}

/**
 * Reads an SNI as the engine hands it over: any bytes at all, `*.example.com`, IP literals and
 * `../../x` included.
 *
 * @returns `undefined` for what no context may be made for; it is answered by the default one.
 */
export function parseContextName(sni: string): ContextName | undefined {
  const host = parseServerName(sni);
  if (host === undefined || endsInNumber.test(host)) return undefined; // no top-level domain is a number, an IPv4 literal ends in one
  if (labelCount(host) > maxLabels) return undefined;
  return { host, spelling: sni.endsWith('.') ? sni.slice(0, -1) : sni };
}

function labelCount(host: string): number {
  let count = 1;
  for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) count += 1;
  return count;
}
