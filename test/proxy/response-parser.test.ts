import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readFieldLines } from '../../data-plane/proxy/field-lines.js';
import type { ResponseHead } from '../../data-plane/proxy/upstream/response-head.js';
import { ResponseParser } from '../../data-plane/proxy/upstream/response-parser.js';
import { responseCase, splitAt } from './support/arbitrary-response.js';

interface Read {
  head: ResponseHead | undefined;
  readonly body: Buffer[];
  interim: number;
  outcome: 'open' | 'complete' | 'upgraded' | 'cut' | { readonly malformed: string };
}

function read(pieces: readonly Buffer[], options: { toHead?: boolean; toUpgrade?: boolean } = {}) {
  const result: Read = { head: undefined, body: [], interim: 0, outcome: 'open' };
  const parser = new ResponseParser(
    {
      informational: () => {
        result.interim++;
      },
      head: (head) => {
        result.head = head;
      },
      body: (piece) => {
        result.body.push(Buffer.from(piece));
      },
      complete: () => {
        result.outcome = 'complete';
      },
      upgraded: (_, rest) => {
        result.outcome = 'upgraded';
        result.body.push(Buffer.from(rest));
      },
      malformed: (malformed) => {
        result.outcome = { malformed };
      },
      cut: () => {
        result.outcome = 'cut';
      },
    },
    { maxHeadBytes: 4096 },
  );
  parser.expect({ toHead: options.toHead ?? false, toUpgrade: options.toUpgrade ?? false });
  for (const piece of pieces) {
    // As a socket does it: one buffer for all reads, overwritten by the next.
    const shared = Buffer.from(piece);
    parser.execute(shared, shared.length);
    shared.fill(0);
  }
  return Object.assign(result, { parser });
}

const bytes = (text: string) => Buffer.from(text, 'latin1');
const one = (text: string) => read([bytes(text)]);

/** The whole property takes minutes; a share of it runs with every test. */
const numRuns = Number(process.env['SIGNET_PROPERTY_CASES'] ?? 3_000);

describe('ResponseParser', () => {
  it(
    'gives back every valid response, wherever its bytes are split',
    () => {
      const cuts = fc.array(fc.nat(), { maxLength: 20 });
      const everyByte = fc.constant(Array.from({ length: 2000 }, (_, i) => i));
      const property = fc.property(responseCase, fc.oneof(cuts, everyByte), (expected, places) => {
        const got = read(splitAt(expected.wire, places), { toHead: expected.toHead });
        if (expected.endsByClose) {
          expect(got.outcome).toBe('open');
          got.parser.end();
        }
        expect(got.head?.status).toBe(expected.status);
        expect(got.interim).toBe(expected.interim);
        expect(Buffer.concat(got.body).equals(expected.body)).toBe(true);
        const fields = readFieldLines(got.head?.lines ?? '');
        for (const [name, value] of expected.fields) {
          expect(fields.some((field, i) => field === name && fields[i + 1] === value)).toBe(true);
        }
        expect(readFieldLines(got.head?.endToEnd ?? '')).toEqual(expected.endToEnd);
        expect(got.head?.persistent).toBe(expected.persistent);
        expect(got.parser.isIdle).toBe(true);
      });
      fc.assert(property, {
        numRuns,
        interruptAfterTimeLimit: numRuns * 10,
        markInterruptAsFailure: true,
      });
    },
    numRuns * 12,
  );

  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['HTTP/2', 'HTTP/2 200\r\n\r\n'],
    ['HTTP/1.2', 'HTTP/1.2 200 OK\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['a status of 000', 'HTTP/1.1 000 X\r\n\r\n'],
    ['two blanks before the status', 'HTTP/1.1  200 OK\r\n\r\n'],
    ['a bare LF after the status line', 'HTTP/1.1 200 OK\nA: b\r\n\r\n'],
    ['a bare LF after a field', 'HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n'],
    ['a bare CR in a value', 'HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n'],
    ['NUL in a value', 'HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n'],
    ['NUL in a name', 'HTTP/1.1 200 OK\r\nA\0: b\r\n\r\n'],
    ['obs-fold', 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n'],
    ['a blank before the colon', 'HTTP/1.1 200 OK\r\nA : b\r\n\r\n'],
    ['a line without a colon', 'HTTP/1.1 200 OK\r\nfoo\r\n\r\n'],
    ['an empty name', 'HTTP/1.1 200 OK\r\n: b\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc'],
    ['a list of lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc'],
    ['a signed length', 'HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc'],
    ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
    ['a hexadecimal length', 'HTTP/1.1 200 OK\r\nContent-Length: 0x3\r\n\r\nabc'],
    ['an empty length', 'HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n'],
    ['a length of 20 digits', 'HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551617\r\n\r\n'],
    [
      'a length beside chunked',
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    [
      'chunked twice',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['gzip, chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    ['identity', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n'],
    ['xchunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'],
    ['chunked in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['101 without a request for it', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
    ['a head without end', `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(1000)}`],
  ])('refuses %s', (_, text) => {
    expect(one(text).outcome).toMatchObject({ malformed: expect.any(String) });
    const byBytes = read([...bytes(text)].map((byte) => Buffer.from([byte])));
    expect(byBytes.outcome).toMatchObject({ malformed: expect.any(String) });
  });

  it.each([
    ['no digit', 'g\r\n'],
    ['an empty size', '\r\n'],
    ['a blank before the size', ' 3\r\nabc\r\n'],
    ['a blank after the size', '3 \r\nabc\r\n'],
    ['a sign', '+3\r\nabc\r\n'],
    ['0x', '0x3\r\nabc\r\n'],
    ['bare LF after the size', '3\nabc\r\n'],
    ['CR without LF after the size', '3\rabc\r\n'],
    ['data longer than the size', '3\r\nabcd\r\n'],
    ['data shorter than the size', '3\r\nab\r\n0\r\n\r\n'],
    ['bare LF after the data', '3\r\nabc\n0\r\n\r\n'],
    ['a size of 13 digits', 'fffffffffffff\r\n'],
    ['a control character in an extension', '3;a\x01\r\nabc\r\n'],
    ['an extension without end', `3;${'a'.repeat(2000)}`],
    ['a trailer without a colon', '0\r\nfoo\r\n\r\n'],
    ['a bare LF in trailers', '0\r\nA: b\n\r\n'],
    ['a folded trailer', '0\r\nA: b\r\n c\r\n\r\n'],
    ['trailers without end', `0\r\n${'A: b\r\n'.repeat(2000)}`],
  ])('refuses a chunked body with %s', (_, chunks) => {
    const text = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`;
    expect(one(text).outcome).toMatchObject({ malformed: expect.any(String) });
  });

  it.each([
    ['in the head', 'HTTP/1.1 200 OK\r\nA: b'],
    ['in a body of known length', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab'],
    ['in a chunked body', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab'],
    ['before the last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'],
    ['in the trailers', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n'],
  ])('knows a response that was cut %s', (_, text) => {
    const got = one(text);
    got.parser.end();
    expect(got.outcome).toBe('cut');
  });

  it('does not call a connection idle that sent more than the response', () => {
    const { outcome, parser } = one(
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\n',
    );
    expect(outcome).toBe('complete');
    expect(parser.isIdle).toBe(false);
  });

  it('hands what follows a 101 to the new protocol', () => {
    const text = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nrest';
    const got = read([bytes(text)], { toUpgrade: true });
    expect(got.outcome).toBe('upgraded');
    expect(Buffer.concat(got.body).toString()).toBe('rest');
  });

  it('gives up on interim responses without end', () => {
    const text = 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(40);
    expect(one(text).outcome).toMatchObject({ malformed: 'too many interim responses' });
  });

  it('reads a hostile run of blanks in linear time', () => {
    const started = performance.now();
    for (let i = 0; i < 100; i++) one(`HTTP/1.1 200 OK\r\nA: b${' '.repeat(4000)}c\r\n\r\n`);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
