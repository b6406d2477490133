/** What a decoder made of a piece of input. */
export type ChunkedStep =
  /** All input up to `limit` was used and the body goes on. */
  | 'more'
  /** The body has ended; `position` is where the next message would begin. */
  | 'end'
  | { readonly malformed: string };

const cr = 13;
const lf = 10;
const semicolon = 0x3b;
/** 2^53 is 14 hex digits; 12 are more than any body has. */
const maxSizeDigits = 12;
const maxExtensionBytes = 1024;
const malformedSize: ChunkedStep = { malformed: 'malformed chunk size' };
const longerThanItsSize: ChunkedStep = { malformed: 'chunk data longer than its size' };
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
  /** Where in the input decoding is, or stopped. */
  position = 0;

  constructor(maxTrailerBytes: number) {
    this.#maxTrailerBytes = maxTrailerBytes;
  }

  /** @param data receives each piece of body as a view into `input`, valid during the call. */
  decode(input: Buffer, start: number, limit: number, data: (piece: Buffer) => void): ChunkedStep {
    this.position = start;
    while (this.position < limit) {
      let step: ChunkedStep = 'more';
      switch (this.#state) {
        case 'size':
          step = this.#readSize(input, limit);
          break;
        case 'extension':
          step = this.#skipExtension(input, limit);
          break;
        case 'size-lf':
          step = this.#endSizeLine(input);
          break;
        case 'data':
          this.#passData(input, limit, data);
          break;
        case 'data-cr':
          step = this.#expect(cr, input, 'data-lf');
          break;
        case 'data-lf':
          step = this.#expect(lf, input, 'size');
          break;
        case 'trailer':
          step = this.#readTrailer(input, limit);
          break;
        default:
          this.#state satisfies never;
      }
      if (step !== 'more') return step;
    }
    return 'more';
  }

  #readSize(input: Buffer, limit: number): ChunkedStep {
    while (this.position < limit) {
      const byte = input[this.position] as number; // position < limit
      const digit = hexValue(byte);
      if (digit === -1) return this.#endSize(byte);
      if (++this.#sizeDigits > maxSizeDigits) return { malformed: 'chunk size too large' };
      this.#remaining = this.#remaining * 16 + digit;
      this.position++;
    }
    return 'more';
  }

  /** @param byte behind the digits, left to be read unless it is the line's CR. */
  #endSize(byte: number): ChunkedStep {
    if (this.#sizeDigits === 0) return malformedSize;
    this.#extensionBytes = 0;
    if (byte === cr) {
      this.#state = 'size-lf';
      this.position++;
    } else if (byte === semicolon || isBlank(byte)) {
      this.#state = 'extension';
    } else {
      return malformedSize;
    }
    return 'more';
  }

  /** A blank may only come before the `;` of an extension; what follows tells. */
  #skipExtension(input: Buffer, limit: number): ChunkedStep {
    while (this.position < limit) {
      const byte = input[this.position++] as number; // position < limit
      if (byte === cr) {
        if (this.#extensionBytes === 0) return malformedSize;
        this.#state = 'size-lf';
        return 'more';
      }
      const hasBegun = this.#extensionBytes > 0;
      if (!hasBegun && isBlank(byte)) continue;
      if (!hasBegun && byte !== semicolon) return { malformed: 'malformed chunk extension' };
      if (isControl(byte)) return { malformed: 'malformed chunk extension' };
      if (++this.#extensionBytes > maxExtensionBytes) {
        return { malformed: 'chunk extension too long' };
      }
    }
    return 'more';
  }

  #endSizeLine(input: Buffer): ChunkedStep {
    if (input[this.position++] !== lf) return { malformed: 'chunk size line without LF' };
    this.#sizeDigits = 0;
    this.#state = this.#remaining === 0 ? 'trailer' : 'data';
    return 'more';
  }

  #passData(input: Buffer, limit: number, data: (piece: Buffer) => void): void {
    const start = this.position;
    const end = Math.min(limit, start + this.#remaining);
    data(input.subarray(start, end));
    this.#remaining -= end - start;
    this.position = end;
    if (this.#remaining === 0) this.#state = 'data-cr';
  }

  #expect(byte: number, input: Buffer, next: 'data-lf' | 'size'): ChunkedStep {
    if (input[this.position++] !== byte) return longerThanItsSize;
    this.#state = next;
    return 'more';
  }

  /** One line, or what there is of it. */
  #readTrailer(input: Buffer, limit: number): ChunkedStep {
    const start = this.position;
    const end = input.indexOf(lf, start);
    this.position = end === -1 || end >= limit ? limit : end + 1;
    this.#trailerBytes += this.position - start;
    if (this.#trailerBytes > this.#maxTrailerBytes) return { malformed: 'trailers too large' };
    this.#trailer += input.toString('latin1', start, this.position);
    if (!this.#trailer.endsWith('\n')) return 'more';
    if (!this.#trailer.endsWith('\r\n')) return { malformed: 'bare LF in trailers' };
    const line = this.#trailer.slice(0, -2);
    this.#trailer = '';
    if (line === '') return 'end';
    return trailerLine.test(line) ? 'more' : { malformed: 'malformed trailer field' };
  }
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}

/** Blanks, which an extension may hold, are none. */
function isControl(byte: number): boolean {
  return (byte < 0x20 && byte !== 0x09) || byte === 0x7f;
}

function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
