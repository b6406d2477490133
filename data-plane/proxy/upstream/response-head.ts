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
  /** Name, value, name, value, … in order, every field included. Bytes as latin1 characters. */
  readonly fields: readonly string[];
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

/**
 * Reads a complete head, `\r\n\r\n` included. Strict where two readers could differ: returns what is
 * wrong instead for bare LF, obs-fold, space before the colon, control characters, several or
 * malformed lengths, a length beside a transfer coding, and any transfer coding but `chunked`.
 *
 * @param toHead whether the request was a HEAD: its response has no body whatever it declares.
 */
export function parseResponseHead(text: string, toHead: boolean): ResponseHead | string {
  const start = text.startsWith(usualLine) ? usual : readStatusLine(text);
  if (start === undefined) return 'malformed status line';
  const { status, reason, isHttp11 } = start;
  const fields: string[] = [];
  let contentLength: number | undefined;
  let transferCoding: string | undefined;
  let connectionOptions = noOptions;
  let keepAliveMs: number | undefined;

  let position = start.length;
  const isAscii = matchesRest(asciiFieldLines, text, position);
  if (!isAscii && !matchesRest(fieldLines, text, position)) return 'malformed header field';
  const end = text.length - 2;
  while (position < end) {
    const colon = text.indexOf(':', position);
    const lineEnd = text.indexOf('\r\n', colon);
    const name = text.slice(position, colon);
    const value = withoutBlanks(text, colon + 1, lineEnd);
    position = lineEnd + 2;
    fields.push(name, value);
    switch (name.length) {
      case 10:
        switch (name.toLowerCase()) {
          case 'connection':
            connectionOptions = connectionOptions.concat(listItems(value));
            break;
          case 'keep-alive':
            keepAliveMs = keepAliveTimeout(value);
            break;
        }
        break;
      case 14:
        if (name.toLowerCase() === 'content-length') {
          if (contentLength !== undefined) return 'more than one Content-Length';
          if (!lengthSyntax.test(value)) return 'malformed Content-Length';
          contentLength = decimal(value);
        }
        break;
      case 17:
        if (name.toLowerCase() === 'transfer-encoding') {
          if (transferCoding !== undefined) return 'more than one Transfer-Encoding';
          transferCoding = value.toLowerCase();
        }
        break;
    }
  }

  if (transferCoding !== undefined) {
    if (transferCoding !== 'chunked') return 'unknown transfer coding';
    if (contentLength !== undefined) return 'both Content-Length and Transfer-Encoding';
    if (!isHttp11) return 'Transfer-Encoding in an HTTP/1.0 response';
  }
  const framing = bodyFraming(status, toHead, transferCoding !== undefined, contentLength);
  return {
    status,
    reason,
    fields,
    isAscii,
    framing,
    contentLength,
    persistent: isPersistent(isHttp11, framing, connectionOptions),
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

function matchesRest(lines: RegExp, text: string, start: number): boolean {
  lines.lastIndex = start;
  return lines.test(text) && lines.lastIndex === text.length;
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

/** Not a regular expression: `[ \t]+$` costs the square of a hostile run of blanks. */
function withoutBlanks(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
