import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameReader } from '../../data-plane/proxy/web-socket/frame-reader.js';
import { serverFrame } from './support/server-frame.js';

/** What a reader hands over, with the pieces of each message put together. */
function read(pieces: readonly Buffer[]) {
  const seen: string[] = [];
  let message = '';
  const reader = new FrameReader({
    data: (piece, isBinary, first, last) => {
      if (first) message = isBinary ? 'binary ' : 'text ';
      message += piece.toString('latin1');
      if (last) seen.push(message);
    },
    ping: (payload) => seen.push(`ping ${payload.toString('latin1')}`),
    pong: (payload) => seen.push(`pong ${payload.toString('latin1')}`),
    close: (payload) => seen.push(`close ${payload.toString('latin1')}`),
    malformed: (reason) => seen.push(`malformed: ${reason}`),
  });
  for (const piece of pieces) reader.execute(piece);
  return seen;
}

const payload = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)),
  maxLength: 300,
});
const control = fc.record({
  opcode: fc.constantFrom(9, 10),
  text: fc.string({ unit: 'grapheme-ascii', maxLength: 125 }),
});
/** A message in frames, with control frames in between. */
const message = fc.record({
  isBinary: fc.boolean(),
  frames: fc.array(fc.record({ text: payload, before: fc.array(control, { maxLength: 1 }) }), {
    minLength: 1,
    maxLength: 4,
  }),
});

describe('frames of a server', () => {
  it('are read alike wherever they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 4 }),
        fc.array(fc.nat(), { maxLength: 8 }),
        (messages, cuts) => {
          const bytes: Buffer[] = [];
          const expected: string[] = [];
          for (const { isBinary, frames } of messages) {
            for (const [n, { text, before }] of frames.entries()) {
              for (const each of before) {
                bytes.push(serverFrame(0x80 | each.opcode, each.text));
                expected.push(`${each.opcode === 9 ? 'ping' : 'pong'} ${each.text}`);
              }
              const last = n === frames.length - 1 ? 0x80 : 0;
              bytes.push(serverFrame(last | (n > 0 ? 0 : isBinary ? 2 : 1), text));
            }
            expected.push(`${isBinary ? 'binary' : 'text'} ${frames.map((f) => f.text).join('')}`);
          }
          const whole = Buffer.concat(bytes);
          const at = [...cuts.map((cut) => cut % (whole.length + 1)), 0, whole.length];
          at.sort((a, b) => a - b);
          const pieces = at.slice(1).map((end, n) => whole.subarray(at[n], end));
          expect(read(pieces)).toEqual(expected);
        },
      ),
    );
  });

  it('of up to 2^53 bytes have a length, in its shortest form', () => {
    const long = serverFrame(0x82, 'x'.repeat(70_000));
    expect(read([long])).toEqual([`binary ${'x'.repeat(70_000)}`]);
  });

  it.each([
    ['masked', [0x81, 0x80, 0, 0, 0, 0], 'masked frame from a server'],
    ['with a reserved bit', [0xc1, 0], 'reserved bits set'],
    ['with a reserved opcode', [0x83, 0], 'reserved opcode'],
    ['with a reserved control opcode', [0x8b, 0], 'reserved opcode'],
    ['that continues nothing', [0x80, 0], 'continuation of nothing'],
    ['that begins inside a message', [0x01, 0, 0x81, 0], 'message inside a message'],
    ['that is a fragmented ping', [0x09, 0], 'fragmented control frame'],
    ['that is a ping of 126 bytes', [0x89, 126, 0, 126], 'control frame too long'],
    ['with 16 bits for a short length', [0x82, 126, 0, 125], 'length not in its shortest form'],
    [
      'with 64 bits for a short length',
      [0x82, 127, 0, 0, 0, 0, 0, 0, 255, 255],
      'length not in its shortest form',
    ],
    ['of 2^63 bytes', [0x82, 127, 128, 0, 0, 0, 0, 0, 0, 0], 'frame too long'],
  ])('are malformed if one is %s; nothing behind it is read', (_, bytes, reason) => {
    const seen = read([Buffer.from([...bytes, 0x89, 0])]);
    expect(seen.filter((each) => each !== 'text ')).toEqual([`malformed: ${reason}`]);
  });

  it('end with a close; nothing behind it is read', () => {
    expect(read([serverFrame(0x88, 'ab'), serverFrame(0x81, 'late')])).toEqual(['close ab']);
  });
});
