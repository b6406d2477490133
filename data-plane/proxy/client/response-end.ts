import type { HttpResponse } from 'uWebSockets.js';
import type { EngineTurn } from './engine-turn.js';
import { endAndLinger } from './lingering-close.js';
import type { ResponseLength, ResponseStart } from './response-start.js';

/**
 * How responses end, and with them their connections. Whatever ends one is to be called while the cork is
 * held, and the response must not be used any more.
 */

/** What becomes of a connection once its response has left. */
export type AfterResponse =
  | 'keep'
  /** The client asked for the end in the form that the engine knows, and the engine sees to it. */
  | 'engine-closes'
  /** It is for us to close it, by whatever way the response leaves. */
  | 'close';

/** The start of a response that leaves piece by piece. */
export function announceEnd(start: ResponseStart, after: AfterResponse): ResponseStart {
  return after === 'close' ? { ...start, lines: `${start.lines}\r\nConnection: close` } : start;
}

/**
 * How a body has to leave piece by piece: nothing can be done about a connection once a body of known
 * length is whole, so one that is to be closed gets it in chunks.
 */
export function deliverableLength(length: ResponseLength, after: AfterResponse): ResponseLength {
  return after === 'close' && typeof length === 'number' ? 'unknown' : length;
}

/** Sends a whole body. */
export function endWhole(res: HttpResponse, after: AfterResponse, body: string | Buffer): void {
  res.end(body, after !== 'keep');
}

/**
 * With a close the engine can't but add `Content-Length: 0`. A client ignores it where there is no
 * other; beside the length of a HEAD's answer it would be a lie, so that connection stays open.
 */
export function endWithoutBody(
  res: HttpResponse,
  after: AfterResponse,
  declaresLength: boolean,
): void {
  if (after !== 'keep' && !declaresLength) res.endWithoutBody(0, true);
  else res.endWithoutBody();
}

/** Behind the last piece of a body of unknown length. */
export function endStreamed(res: HttpResponse, after: AfterResponse, turn: EngineTurn): void {
  if (after === 'close') endAndLinger(res, turn);
  else res.end('', after !== 'keep');
}
