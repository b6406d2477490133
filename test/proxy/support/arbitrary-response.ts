import fc from 'fast-check';

/** A valid response and what a client must make of it. */
export interface ResponseCase {
  readonly wire: Buffer;
  readonly toHead: boolean;
  readonly status: number;
  readonly fields: readonly (readonly [string, string])[];
  /** Names and values of those that a client gets, in order. */
  readonly endToEnd: readonly string[];
  readonly body: Buffer;
  readonly interim: number;
  readonly endsByClose: boolean;
  readonly persistent: boolean;
}

const letterCase = (word: string) => fc.constantFrom(word, word.toLowerCase(), word.toUpperCase());
const tokenChar = "!#$%&'*+-.^_`|~0123456789ABCXYZabcxyz";
/** Fields that a gateway keeps to itself; those that frame a message have generators of their own. */
const ofThisHop = ['Proxy-Connection', 'TE', 'Trailer', 'Upgrade', 'Date', 'X-Request-Id'];
const anyName = fc.string({ unit: fc.constantFrom(...tokenChar), minLength: 1, maxLength: 24 });
const fieldName = fc
  .oneof(
    { arbitrary: anyName, weight: 4 },
    { arbitrary: fc.constantFrom(...ofThisHop).chain(letterCase), weight: 1 },
  )
  .filter((name) => !/^(?:content-length|transfer-encoding|connection|keep-alive)$/i.test(name));
const fieldValue = fc
  .array(fc.oneof(fc.integer({ min: 0x20, max: 0x7e }), fc.integer({ min: 0x80, max: 0xff })), {
    maxLength: 40,
  })
  .map((bytes) => Buffer.from(bytes).toString('latin1').trim());
const blanks = fc.string({ unit: fc.constantFrom(' ', '\t'), maxLength: 3 });
const body = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));

const fieldLine = fc.tuple(fieldName, blanks, fieldValue, blanks);
const interim = fc.constantFrom(
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n',
);
const reason = fc.constantFrom(' OK', ' ', '', ' Some reason text', ' caf\xe9');

const chunkLayout = fc.record({
  sizes: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 12 }),
  upperCase: fc.boolean(),
  leadingZeros: fc.integer({ min: 0, max: 3 }),
  extension: fc.constantFrom('', ';a', ';a=b', ' ; a="b c"', ';ieof;x=1'),
  trailers: fc.constantFrom('', 'X-T: 1\r\n', 'A: b\r\nExpires: never\r\n'),
});

interface ChunkLayout {
  readonly sizes: readonly number[];
  readonly upperCase: boolean;
  readonly leadingZeros: number;
  readonly extension: string;
  readonly trailers: string;
}

function isOfThisHop(name: string): boolean {
  return ofThisHop.some((other) => other.toLowerCase() === name.toLowerCase());
}

function chunked(content: Buffer, layout: ChunkLayout): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  const add = (piece: Buffer) => {
    const hex = piece.length.toString(16).padStart(layout.leadingZeros, '0');
    const size = layout.upperCase ? hex.toUpperCase() : hex;
    parts.push(Buffer.from(`${size}${layout.extension}\r\n`), piece, Buffer.from('\r\n'));
  };
  for (const size of layout.sizes) {
    if (at >= content.length) break;
    add(content.subarray(at, at + size));
    at += size;
  }
  if (at < content.length) add(content.subarray(at));
  parts.push(Buffer.from(`0${layout.extension}\r\n${layout.trailers}\r\n`));
  return Buffer.concat(parts);
}

/** Every shape that RFC 9112 allows an answer to have. */
export const responseCase: fc.Arbitrary<ResponseCase> = fc
  .record({
    status: fc.oneof(fc.constantFrom(200, 204, 304, 404, 500), fc.integer({ min: 200, max: 999 })),
    reason,
    lines: fc.array(fieldLine, { maxLength: 8 }),
    interims: fc.array(interim, { maxLength: 2 }),
    content: body,
    framing: fc.constantFrom('length', 'chunked', 'close'),
    lengthName: letterCase('Content-Length'),
    codingName: letterCase('Transfer-Encoding'),
    codingValue: letterCase('chunked'),
    connection: fc.constantFrom('', 'close', 'keep-alive', 'Keep-Alive, X'),
    version: fc.constantFrom('1.1', '1.1', '1.0'),
    layout: chunkLayout,
    toHead: fc.boolean(),
    position: fc.nat(),
  })
  .map((shape): ResponseCase => {
    const isChunked = shape.framing === 'chunked' && shape.version === '1.1';
    const bodyless = shape.toHead || shape.status === 204 || shape.status === 304;
    const byClose = !isChunked && shape.framing !== 'length';
    const fields = shape.lines.map(([name, , value]) => [name, value] as const);
    const lines = shape.lines.map(([name, before, value, after]) => {
      return `${name}:${before}${value}${after}`;
    });
    const extra: string[] = [];
    // A 204 must have neither (RFC 9112 §6.1, §6.2).
    const isFramed = shape.status !== 204;
    if (isFramed && isChunked) extra.push(`${shape.codingName}: ${shape.codingValue}`);
    else if (isFramed && !byClose) extra.push(`${shape.lengthName}: ${shape.content.length}`);
    if (shape.connection !== '') extra.push(`Connection: ${shape.connection}`);
    lines.splice(shape.position % (lines.length + 1), 0, ...extra);
    const head = [`HTTP/${shape.version} ${shape.status}${shape.reason}`, ...lines, '', ''];
    const content = isChunked ? chunked(shape.content, shape.layout) : shape.content;
    const keepsAlive = shape.version === '1.1' || /keep-alive/i.test(shape.connection);
    return {
      wire: Buffer.concat([
        Buffer.from(shape.interims.join('') + head.join('\r\n'), 'latin1'),
        bodyless ? Buffer.alloc(0) : content,
      ]),
      toHead: shape.toHead,
      status: shape.status,
      fields,
      endToEnd: fields.filter(([name]) => !isOfThisHop(name)).flat(),
      body: bodyless ? Buffer.alloc(0) : shape.content,
      interim: shape.interims.length,
      endsByClose: byClose && !bodyless,
      persistent: keepsAlive && shape.connection !== 'close' && (bodyless || !byClose),
    };
  });

/** The same bytes cut at random places; a piece of 0 bytes never occurs on a socket. */
export function splitAt(wire: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % wire.length))].sort((a, b) => a - b);
  const pieces: Buffer[] = [];
  let from = 0;
  for (const place of [...places, wire.length]) {
    if (place > from) pieces.push(wire.subarray(from, place));
    from = Math.max(from, place);
  }
  return pieces;
}
