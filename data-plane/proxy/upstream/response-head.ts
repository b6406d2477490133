import { type FieldLines, withoutBlanks } from '../field-lines.js';
import { listItems } from '../field-list.js';

/** How the end of a response's body is found (RFC 9112 §6.3). */
export type BodyFraming =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'until-close' };

/** A response's status line and fields, as sent. */
export interface ResponseHead {
  readonly status: number;
  /** May be empty. Bytes as latin1 characters. */
  readonly reason: string;
  /** Every field, as sent. Bytes as latin1 characters. */
  readonly lines: FieldLines;
  /** Those of them that are neither of this hop nor written anew for the client. */
  readonly endToEnd: FieldLines;
  /** Whether no field holds a byte beyond ASCII. */
  readonly isAscii: boolean;
  readonly framing: BodyFraming;
  /** `Content-Length` as declared, also where no body follows it (HEAD, 304). */
  readonly contentLength: number | undefined;
  /** Whether the connection stays open after this message. */
  readonly persistent: boolean;
  /** Lower-case options of `Connection`, most often none. */
  readonly connectionOptions: readonly string[];
  /** `timeout` of `Keep-Alive` in milliseconds. */
  readonly keepAliveMs: number | undefined;
}

interface StatusLine {
  readonly status: number;
  readonly reason: string;
  readonly isHttp11: boolean;
  /** Its line end included. */
  readonly length: number;
}

const statusLine = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: ([\t -~\x80-\xff]*))?\r\n/;
/** All field lines and the blank one; looked at once, because a match per line costs more than the split. */
const asciiFieldLines = /(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~]*\r\n)*\r\n/y;
const fieldLines = /(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*\r\n)*\r\n/y;
/** How nearly every answer begins. */
const usualLine = 'HTTP/1.1 200 OK\r\n';
const usual: StatusLine = { status: 200, reason: 'OK', isHttp11: true, length: usualLine.length };
const lengthSyntax = /^[0-9]{1,15}$/;
const noOptions: readonly string[] = [];
const noBody: BodyFraming = { kind: 'none' };
const chunked: BodyFraming = { kind: 'chunked' };
const untilClose: BodyFraming = { kind: 'until-close' };

/** What a field is to the gateway; only end-to-end ones are passed on. */
type FieldKind =
  | 'end-to-end'
  | 'dropped'
  | 'connection'
  | 'keep-alive'
  | 'content-length'
  | 'transfer-encoding';

/**
 * The fields that end here: hop-by-hop ones, what the engine writes itself (a second `Date` or length
 * beside its own would stay), and what the gateway says.
 */
const endingHere: readonly (readonly [string, FieldKind])[] = [
  ['connection', 'connection'],
  ['keep-alive', 'keep-alive'],
  ['content-length', 'content-length'],
  ['transfer-encoding', 'transfer-encoding'],
  ['proxy-connection', 'dropped'],
  ['te', 'dropped'],
  ['trailer', 'dropped'],
  ['upgrade', 'dropped'],
  ['date', 'dropped'],
  ['x-request-id', 'dropped'],
  ['x-kong-proxy-latency', 'dropped'],
  ['x-kong-upstream-latency', 'dropped'],
];
/** Asked by the length of a name: nearly no field is one of them, and a hash of each would cost more. */
const endingHereByLength = Array.from({ length: 24 }, (_, length) => {
  return endingHere.filter(([name]) => name.length === length);
});

/**
 * Reads a complete head, `\r\n\r\n` included. Strict where two readers could differ: returns what is
 * wrong instead for bare LF, obs-fold, space before the colon, control characters, several or
 * malformed lengths, a length beside a transfer coding, and any transfer coding but `chunked`.
 *
 * @param text begins with the head.
 * @param length of the head.
 * @param toHead whether the request was a HEAD: its response has no body whatever it declares.
 */
export function parseResponseHead(
  text: string,
  length: number,
  toHead: boolean,
): ResponseHead | string {
  const start = text.startsWith(usualLine) ? usual : readStatusLine(text);
  if (start === undefined) return 'malformed status line';
  const { status, reason, isHttp11 } = start;
  let endToEnd = '';
  let contentLength: number | undefined;
  let transferCoding: string | undefined;
  let connectionOptions = noOptions;
  let keepAliveMs: number | undefined;

  let position = start.length;
  const isAscii = matchUpTo(length, asciiFieldLines, text, position);
  if (!isAscii && !matchUpTo(length, fieldLines, text, position)) return 'malformed header field';
  // A line is kept with the line end before it; `kept` is where those that follow each other begin.
  const first = position - 2;
  const last = length - 4;
  let kept = first;
  while (position < last) {
    const colon = text.indexOf(':', position);
    const lineEnd = text.indexOf('\r\n', colon);
    const kind = fieldKind(text, position, colon);
    if (kind !== 'end-to-end') {
      if (kept < position - 2) endToEnd += text.slice(kept, position - 2);
      kept = lineEnd;
    }
    switch (kind) {
      case 'end-to-end':
      case 'dropped':
        break;
      case 'connection':
        connectionOptions = connectionOptions.concat(
          listItems(withoutBlanks(text, colon + 1, lineEnd)),
        );
        break;
      case 'keep-alive':
        keepAliveMs = keepAliveTimeout(withoutBlanks(text, colon + 1, lineEnd));
        break;
      case 'content-length': {
        if (contentLength !== undefined) return 'more than one Content-Length';
        const value = withoutBlanks(text, colon + 1, lineEnd);
        if (!lengthSyntax.test(value)) return 'malformed Content-Length';
        contentLength = decimal(value);
        break;
      }
      case 'transfer-encoding':
        if (transferCoding !== undefined) return 'more than one Transfer-Encoding';
        transferCoding = withoutBlanks(text, colon + 1, lineEnd).toLowerCase();
        break;
      default:
        kind satisfies never;
    }
    position = lineEnd + 2;
  }
  if (kept < last) endToEnd += text.slice(kept, last);

  if (transferCoding !== undefined) {
    if (transferCoding !== 'chunked') return 'unknown transfer coding';
    if (contentLength !== undefined) return 'both Content-Length and Transfer-Encoding';
    if (!isHttp11) return 'Transfer-Encoding in an HTTP/1.0 response';
  }
  const isChunked = transferCoding !== undefined;
  const framing = bodyFraming(status, toHead, isChunked, contentLength);
  // RFC 9112 §6.1, §6.2 forbid both: the body that such an upstream may send would be the next answer.
  const isContradictory = status === 204 && (isChunked || (contentLength ?? 0) > 0);
  return {
    status,
    reason,
    lines: text.slice(first, last),
    endToEnd,
    isAscii,
    framing,
    contentLength,
    persistent: !isContradictory && isPersistent(isHttp11, framing, connectionOptions),
    connectionOptions,
    keepAliveMs,
  };
}

function readStatusLine(text: string): StatusLine | undefined {
  const match = statusLine.exec(text);
  if (match === null) return undefined;
  const [line, minor, status, reason = ''] = match;
  return { status: Number(status), reason, isHttp11: minor === '1', length: line.length };
}

/** `Number` of digits alone, without the hash that it makes of every string that it has not seen yet. */
function decimal(digits: string): number {
  let value = 0;
  for (let i = 0; i < digits.length; i++) value = 10 * value + digits.charCodeAt(i) - 0x30;
  return value;
}

/** Whether `lines` matches `text` from `start` to `end`, no more and no less. */
function matchUpTo(end: number, lines: RegExp, text: string, start: number): boolean {
  lines.lastIndex = start;
  return lines.test(text) && lines.lastIndex === end;
}

function fieldKind(text: string, start: number, end: number): FieldKind {
  const ofItsLength = endingHereByLength[end - start];
  if (ofItsLength === undefined) return 'end-to-end';
  for (const [name, kind] of ofItsLength) {
    if (isNamed(name, text, start)) return kind;
  }
  return 'end-to-end';
}

/** Compared in place: a piece of text for each name, in lower case, costs more than the whole loop. */
function isNamed(lowerCase: string, text: string, start: number): boolean {
  for (let i = 0; i < lowerCase.length; i++) {
    // Makes a letter lower case and leaves a hyphen; nothing else that a name may hold becomes either.
    if ((text.charCodeAt(start + i) | 0x20) !== lowerCase.charCodeAt(i)) return false;
  }
  return true;
}

function bodyFraming(
  status: number,
  toHead: boolean,
  isChunked: boolean,
  contentLength: number | undefined,
): BodyFraming {
  if (toHead || status < 200 || status === 204 || status === 304) return noBody;
  if (isChunked) return chunked;
  if (contentLength !== undefined) return { kind: 'length', length: contentLength };
  return untilClose;
}

function isPersistent(http11: boolean, framing: BodyFraming, options: readonly string[]): boolean {
  if (framing.kind === 'until-close' || options.includes('close')) return false;
  return http11 || options.includes('keep-alive');
}

function keepAliveTimeout(value: string): number | undefined {
  const seconds = /(?:^|[,;\s])timeout=([0-9]{1,6})/i.exec(value)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
