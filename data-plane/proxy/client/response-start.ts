import type { HttpResponse } from 'uWebSockets.js';

/** Status line and fields of a response to the client, nothing of its framing. */
export interface ResponseStart {
  /** `200 OK`. */
  readonly status: string;
  /** Name, value, name, value, …; already free of CR, LF and NUL: the engine checks nothing. */
  readonly fields: readonly string[];
  /** Whether values hold characters above 0x7f that stand for single bytes. */
  readonly binary: boolean;
}

/** How much body follows a start: its length, `'unknown'`, or none (HEAD, 204, 304). */
export type ResponseLength = number | 'unknown' | 'none';

/** What the engine writes of itself: `HTTP/1.1 `, its date, its mark, the framing, the blank line. */
const engineHeadBytes = 160;

/** @returns how many bytes of the engine's cork buffer that took, at the most. */
export function writeStart(res: HttpResponse, { status, fields, binary }: ResponseStart): number {
  res.writeStatus(status);
  let bytes = status.length + engineHeadBytes;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string; // fields come in pairs
    const value = fields[i + 1] as string;
    bytes += name.length + value.length + 4;
    res.writeHeader(name, binary ? Buffer.from(value, 'latin1') : value);
  }
  return bytes;
}
