import type { HttpResponse } from 'uWebSockets.js';

/** Status line and fields of a response to the client, nothing of its framing. */
export interface ResponseStart {
  /** `200 OK`. */
  readonly status: string;
  /**
   * Name, value, name, value, …; already free of CR, LF and NUL: the engine checks nothing. Characters
   * above 0x7f stand for single bytes.
   */
  readonly fields: readonly string[];
  /** Whether no field holds such a character. */
  readonly isAscii: boolean;
}

/** How much body follows a start: its length, `'unknown'`, or none (HEAD, 204, 304). */
export type ResponseLength = number | 'unknown' | 'none';

/** What the engine writes of itself: `HTTP/1.1 `, its date, its mark, the framing, the blank line. */
const engineHeadBytes = 160;

/** What the engine says if it is told nothing else. */
const defaultStatus = '200 OK';

/**
 * Hands the engine all fields as if they were one with a very long value: it copies both strings at every
 * call, so ten calls cost a tenth of a whole request.
 *
 * @returns how many bytes of the engine's cork buffer that took, at the most.
 */
export function writeStart(res: HttpResponse, start: ResponseStart): number {
  const { status, fields, isAscii } = start;
  if (status !== defaultStatus) res.writeStatus(status);
  const [firstName, firstValue] = fields;
  if (firstName === undefined || firstValue === undefined) return status.length + engineHeadBytes;
  let text = firstValue;
  for (let i = 2; i < fields.length; i += 2) text += `\r\n${fields[i]}: ${fields[i + 1]}`;
  res.writeHeader(firstName, isAscii ? text : Buffer.from(text, 'latin1'));
  return status.length + engineHeadBytes + firstName.length + text.length;
}
