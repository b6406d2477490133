import fc from 'fast-check';

/** One change to some bytes. Positions are fractions of the length, so that shrinking keeps their sense. */
type Mutation =
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'set'; readonly at: number; readonly byte: number }
  | { readonly kind: 'insert'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'remove'; readonly at: number; readonly length: number }
  | {
      readonly kind: 'repeat';
      readonly at: number;
      readonly length: number;
      readonly times: number;
    }
  | { readonly kind: 'cut'; readonly at: number };

export interface MutationOptions {
  /** Pieces that mean something to the target. */
  readonly tokens?: readonly string[];
  /** Longest output: inputs above a target's own limit teach nothing new. */
  readonly maxBytes?: number;
}

/** Awkward in most formats: length fields, separators, terminators, number borders. */
const commonTokens = [
  ...[
    '\0',
    '\r\n',
    '\r',
    '\n',
    ' ',
    '\t',
    '"',
    "'",
    '\\',
    '%00',
    '%',
    '&',
    '=',
    ';',
    ':',
    ',',
    '.',
  ],
  ...['-1', '0', '00', '1e9', '4294967296', '9007199254740993', 'null', 'true', '{}', '[]', '*'],
  ...['__proto__', 'constructor', '../', '\u202e', '\ufeff', 'é', '\ud800'],
  ...[
    '\x00\x00\x00\x00',
    '\xff\xff\xff\xff',
    '\x7f\xff\xff\xff',
    '\x80',
    '\x30\x84\xff\xff\xff\xff',
  ],
];

/** Bytes of one of `corpus` with a few changes; now and then something of no form at all. */
export function mutated(
  corpus: readonly Uint8Array[],
  { tokens = [], maxBytes = 64 * 1024 }: MutationOptions = {},
): fc.Arbitrary<Uint8Array> {
  const at = fc.double({ min: 0, max: 1, noNaN: true });
  const pieces = [...commonTokens, ...tokens].map((token) => Buffer.from(token, 'utf8'));
  const mutation = fc.oneof<fc.Arbitrary<Mutation>[]>(
    fc.record({ kind: fc.constant('flip'), at, bit: fc.nat(7) }),
    fc.record({ kind: fc.constant('set'), at, byte: fc.nat(255) }),
    fc.record({ kind: fc.constant('insert'), at, bytes: fc.constantFrom(...pieces) }),
    fc.record({ kind: fc.constant('remove'), at, length: fc.integer({ min: 1, max: 64 }) }),
    fc.record({
      kind: fc.constant('repeat'),
      at,
      length: fc.integer({ min: 1, max: 64 }),
      times: fc.integer({ min: 1, max: 200 }),
    }),
    fc.record({ kind: fc.constant('cut'), at }),
  );
  const changed = fc
    .tuple(fc.constantFrom(...corpus), fc.array(mutation, { minLength: 1, maxLength: 6 }))
    .map(([bytes, mutations]) => mutations.reduce(apply, bytes).subarray(0, maxBytes));
  return fc.oneof(
    { arbitrary: changed, weight: 19 },
    { arbitrary: fc.uint8Array({ maxLength: 256 }), weight: 1 },
  );
}

function apply(bytes: Uint8Array, mutation: Mutation): Uint8Array {
  const at = Math.min(bytes.length, Math.floor(mutation.at * (bytes.length + 1)));
  const before = bytes.subarray(0, at);
  switch (mutation.kind) {
    case 'flip':
      return replaced(bytes, at, (byte) => byte ^ (1 << mutation.bit));
    case 'set':
      return replaced(bytes, at, () => mutation.byte);
    case 'insert':
      return Buffer.concat([before, mutation.bytes, bytes.subarray(at)]);
    case 'remove':
      return Buffer.concat([before, bytes.subarray(at + mutation.length)]);
    case 'repeat': {
      const piece = bytes.subarray(at, at + mutation.length);
      const copies = Array.from({ length: mutation.times }, () => piece);
      return Buffer.concat([before, ...copies, bytes.subarray(at)]);
    }
    case 'cut':
      return before;
    default:
      return mutation satisfies never;
  }
}

function replaced(bytes: Uint8Array, at: number, change: (byte: number) => number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const byte = copy[at];
  if (byte !== undefined) copy[at] = change(byte);
  return copy;
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}

export function bytesOf(...texts: readonly string[]): Uint8Array[] {
  return texts.map((text) => Buffer.from(text, 'utf8'));
}
