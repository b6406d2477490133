import type { HttpResponse } from 'uWebSockets.js';
import type { FieldLines } from '../field-lines.js';

/** Status line and fields of a response to the client. */
export interface ResponseStart {
  /** `200 OK`. */
  readonly status: string;
  readonly requestId: string;
  /**
   * All other fields; already free of CR, LF and NUL but for the line ends between them: the engine
   * checks nothing. Characters above 0x7f stand for single bytes.
   */
  readonly lines: FieldLines;
  /** Whether no field holds such a character. */
  readonly isAscii: boolean;
  /** Length of the body that would follow if this were no answer to a HEAD, and no 304. */
  readonly withheldLength: number | undefined;
}

/** How much body follows a start: its length, `'unknown'`, or none (HEAD, 204, 304). */
export type ResponseLength = number | 'unknown' | 'none';

/** What the engine writes of itself: `HTTP/1.1 `, its date, its mark, the framing, the blank line; and the first field's name. */
const engineHeadBytes = 180;

/** What the engine says if it is told nothing else. */
const defaultStatus = '200 OK';

/**
 * Hands the engine all fields as if they were one with a very long value: it copies both strings at every
 * call, so ten calls cost a tenth of a whole request.
 *
 * @returns how many bytes of the engine's cork buffer that took, at the most.
 */
export function writeStart(res: HttpResponse, start: ResponseStart): number {
  const { status, requestId, lines, isAscii, withheldLength } = start;
  if (status !== defaultStatus) res.writeStatus(status);
  let text = requestId + lines;
  if (withheldLength !== undefined) text += `\r\nContent-Length: ${withheldLength}`;
  res.writeHeader('X-Request-Id', isAscii ? text : Buffer.from(text, 'latin1'));
  return status.length + engineHeadBytes + text.length;
}
