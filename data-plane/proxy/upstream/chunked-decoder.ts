/** What a decoder made of a piece of input. */
export type ChunkedStep =
  /** All input up to `limit` was used and the body goes on. */
  | 'more'
  /** The body has ended; `position` is where the next message would begin. */
  | 'end'
  | { readonly malformed: string };

const cr = 13;
const lf = 10;
/** 2^53 is 14 hex digits; 12 are more than any body has. */
const maxSizeDigits = 12;
const maxExtensionBytes = 1024;
const trailerLine = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*$/;

/**
 * Decodes a chunked body (RFC 9112 §7.1) from input split anywhere. Chunk extensions are skipped,
 * trailers are checked and dropped. Anything else than the grammar, bare LF included, is malformed.
 */
export class ChunkedDecoder {
  readonly #maxTrailerBytes: number;
  #state: 'size' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailer' = 'size';
  #remaining = 0;
  #sizeDigits = 0;
  #extensionBytes = 0;
  #trailer = '';
  #trailerBytes = 0;
  /** Where in the last input decoding stopped. */
  position = 0;

  constructor(maxTrailerBytes: number) {
    this.#maxTrailerBytes = maxTrailerBytes;
  }

  /** @param data receives each piece of body as a view into `input`, valid during the call. */
  decode(input: Buffer, start: number, limit: number, data: (piece: Buffer) => void): ChunkedStep {
    let at = start;
    while (at < limit) {
      switch (this.#state) {
        case 'size': {
          const byte = input[at] as number; // at < limit
          const digit = hexValue(byte);
          if (digit !== -1) {
            if (++this.#sizeDigits > maxSizeDigits) return { malformed: 'chunk size too large' };
            this.#remaining = this.#remaining * 16 + digit;
            at++;
            break;
          }
          if (this.#sizeDigits === 0) return { malformed: 'malformed chunk size' };
          if (byte === cr) this.#state = 'size-lf';
          else if (byte === 0x3b || byte === 0x20 || byte === 0x09) this.#state = 'extension';
          else return { malformed: 'malformed chunk size' };
          // A blank may only come before the `;` of an extension; what follows tells.
          this.#extensionBytes = 0;
          if (byte === cr) at++;
          break;
        }
        case 'extension': {
          const byte = input[at] as number; // at < limit
          if (byte === cr) {
            if (this.#extensionBytes === 0) return { malformed: 'malformed chunk size' };
            this.#state = 'size-lf';
          } else if (byte === 0x3b) {
            this.#extensionBytes++;
          } else if (byte === 0x20 || byte === 0x09) {
            if (this.#extensionBytes > 0) this.#extensionBytes++;
          } else if (byte < 0x20 || byte === 0x7f || this.#extensionBytes === 0) {
            return { malformed: 'malformed chunk extension' };
          } else {
            this.#extensionBytes++;
          }
          if (this.#extensionBytes > maxExtensionBytes) {
            return { malformed: 'chunk extension too long' };
          }
          at++;
          break;
        }
        case 'size-lf':
          if (input[at] !== lf) return { malformed: 'chunk size line without LF' };
          at++;
          this.#sizeDigits = 0;
          this.#state = this.#remaining === 0 ? 'trailer' : 'data';
          break;
        case 'data': {
          const end = Math.min(limit, at + this.#remaining);
          data(input.subarray(at, end));
          this.#remaining -= end - at;
          at = end;
          if (this.#remaining === 0) this.#state = 'data-cr';
          break;
        }
        case 'data-cr':
          if (input[at] !== cr) return { malformed: 'chunk data longer than its size' };
          at++;
          this.#state = 'data-lf';
          break;
        case 'data-lf':
          if (input[at] !== lf) return { malformed: 'chunk data longer than its size' };
          at++;
          this.#state = 'size';
          break;
        case 'trailer': {
          const end = input.indexOf(lf, at);
          const lineEnd = end === -1 || end >= limit ? limit : end + 1;
          this.#trailerBytes += lineEnd - at;
          if (this.#trailerBytes > this.#maxTrailerBytes)
            return { malformed: 'trailers too large' };
          this.#trailer += input.toString('latin1', at, lineEnd);
          at = lineEnd;
          if (!this.#trailer.endsWith('\n')) break;
          if (!this.#trailer.endsWith('\r\n')) return { malformed: 'bare LF in trailers' };
          const line = this.#trailer.slice(0, -2);
          this.#trailer = '';
          if (line === '') {
            this.position = at;
            return 'end';
          }
          if (!trailerLine.test(line)) return { malformed: 'malformed trailer field' };
          break;
        }
        default:
          return this.#state satisfies never;
      }
    }
    this.position = at;
    return 'more';
  }
}

function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
