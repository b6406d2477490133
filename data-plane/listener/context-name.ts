import { type Hostname, isServerName, parseServerName } from '../../shared/hostname.js';

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
  if (host === undefined || !isServerName(host)) return undefined;
  return { host, spelling: sni.endsWith('.') ? sni.slice(0, -1) : sni };
}
