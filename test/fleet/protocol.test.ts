import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, ProtocolError, readFrames } from '../../shared/frame-codec.js';
import {
  encodeMessage,
  parseControlMessage,
  parseNodeMessage,
} from '../../shared/snapshot-protocol.js';
import { servedCertificate } from './snapshot-fixtures.js';

async function framesOf(pieces: Buffer[], limit = 1000): Promise<string[]> {
  const bodies: string[] = [];
  for await (const body of readFrames(Readable.from(pieces), limit)) bodies.push(body.toString());
  return bodies;
}

/** Cuts bytes at the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((from, index) => bytes.subarray(from, at[index] ?? bytes.length));
}

describe('frames', () => {
  it('come out as they went in, however the bytes are cut', async () => {
    const bodies = fc.array(fc.string({ unit: 'binary', maxLength: 200 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(bodies, fc.array(fc.nat(5000)), async (texts, places) => {
        const whole = texts.map((text) => Buffer.from(text).toString());
        const pieces = cut(Buffer.concat(whole.map(encodeFrame)), places);
        expect(await framesOf(pieces)).toEqual(whole);
      }),
    );
  });

  it('above the limit are refused by their length alone', async () => {
    const head = Buffer.from([0, 0, 4, 0]);
    await expect(framesOf([head], 1023)).rejects.toThrow(ProtocolError);
  });

  it('that are torn are an error', async () => {
    const frame = encodeFrame('hello');
    for (let length = 1; length < frame.length; length += 1) {
      await expect(framesOf([frame.subarray(0, length)])).rejects.toThrow(ProtocolError);
    }
  });
});

const bodyOf = (value: unknown) => Buffer.from(JSON.stringify(value));

describe('messages', () => {
  it('that are no such thing never get past the parser, nor throw anything else', () => {
    const outcome = (parse: (body: Buffer) => unknown, body: Buffer) => {
      try {
        return parse(body);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
        return 'refused';
      }
    };
    const types = ['hello', 'ack', 'join', 'begin', 'chunk', 'welcome', 'resync', 'renew'];
    const anything = fc.oneof(
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.json().map((json) => Buffer.from(json)),
      fc
        .tuple(fc.constantFrom(...types), fc.dictionary(fc.string(), fc.jsonValue()))
        .map(([type, rest]) => bodyOf({ ...rest, type })),
    );
    fc.assert(
      fc.property(anything, (body) => {
        for (const parse of [parseNodeMessage, parseControlMessage]) {
          expect(outcome(parse, body)).toSatisfy((o) => o === undefined || o === 'refused');
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('of a type that this version does not know are passed over', () => {
    expect(parseNodeMessage(bodyOf({ type: 'from-the-future' }))).toBeUndefined();
  });

  it('keep fields that this version does not know', () => {
    const value = servedCertificate(1);
    const chunk = {
      type: 'chunk' as const,
      apis: [],
      plugins: [],
      certificates: [{ ...value, ocsp: 'from the future' }],
      removedApis: [],
      removedPlugins: [],
      removedCertificates: [],
    };
    expect(parseControlMessage(bodyOf(chunk))).toEqual(chunk);
    expect(encodeMessage(chunk).subarray(4)).toEqual(bodyOf(chunk));
  });

  it('are refused without quoting them: they may hold keys', () => {
    const secrets = [
      bodyOf({ type: 'chunk', certificates: [{ keyPem: 'canary-key' }] }),
      Buffer.from('{"type":"chunk","keyPem":"canary-key'),
    ];
    for (const body of secrets) {
      expect(() => parseControlMessage(body)).toThrow(
        expect.not.objectContaining({ message: expect.stringContaining('canary') }),
      );
    }
  });
});
