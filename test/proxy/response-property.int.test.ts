import { createServer, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readFieldLines } from '../../data-plane/proxy/field-lines.js';
import { defaultProxyLimits } from '../../data-plane/proxy/proxy-limits.js';
import type { ResponseHead } from '../../data-plane/proxy/upstream/response-head.js';
import { UpstreamClient } from '../../data-plane/proxy/upstream/upstream-client.js';
import type { UpstreamConnection } from '../../data-plane/proxy/upstream/upstream-connection.js';
import type { UpstreamReceiver } from '../../data-plane/proxy/upstream/upstream-receiver.js';
import { compileUpstream } from '../../data-plane/routing/upstream-target.js';
import { responseCase, splitAt } from './support/arbitrary-response.js';

/** The full number is 100,000, some minutes of them; a share runs with every test. */
const numRuns = Number(process.env['SIGNET_PROPERTY_CASES'] ?? 1_000);

/** What the upstream answers the next request with. */
let pieces: readonly Buffer[] = [];
let closes = false;

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy()); // the client closes what it may not use again
  socket.on('data', () => {
    const answer = pieces;
    const ends = closes;
    answerPieceByPiece(socket, answer, ends);
  });
});

/** One turn of the loop, and so one read of the client, between two pieces. */
function answerPieceByPiece(socket: Socket, rest: readonly Buffer[], ends: boolean): void {
  const [piece, ...others] = rest;
  if (piece === undefined) {
    if (ends) socket.end();
    return;
  }
  socket.write(piece);
  setImmediate(() => answerPieceByPiece(socket, others, ends));
}

let client: UpstreamClient;
let timer: NodeJS.Timeout;
beforeAll(async () => {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const now = () => performance.now();
  const observer = { ejected: () => undefined, returned: () => undefined };
  client = new UpstreamClient({ limits: defaultProxyLimits, now, observer });
  timer = setInterval(() => client.expire(now()), 1000);
});
afterAll(async () => {
  clearInterval(timer);
  client.close();
  await new Promise((resolve) => server.close(resolve));
});

interface Received {
  readonly head: ResponseHead | undefined;
  readonly body: Buffer;
  readonly outcome: string;
}

/** One request through the pool, a connection and the parser. */
function ask(toHead: boolean): Promise<Received> {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('no TCP address');
  const target = compileUpstream({ upstreamUrl: `http://127.0.0.1:${address.port}` });
  if (target === undefined) throw new TypeError('no target');
  return new Promise((resolve) => {
    const body: Buffer[] = [];
    let head: ResponseHead | undefined;
    const done = (outcome: string) => resolve({ head, body: Buffer.concat(body), outcome });
    const receiver: UpstreamReceiver = {
      batch: (events) => events(),
      head: (received) => {
        head = received;
      },
      body: (piece) => body.push(Buffer.from(piece)),
      settled: () => undefined,
      complete: () => done('complete'),
      upgraded: () => done('upgraded'),
      drained: () => undefined,
      failed: ({ kind }) => done(kind),
    };
    const seeker = {
      connected: (connection: UpstreamConnection) => {
        connection.begin(receiver, { toHead, toUpgrade: false });
        connection.write(`${toHead ? 'HEAD' : 'GET'} / HTTP/1.1\r\nhost: a\r\n\r\n`);
        connection.endRequest();
      },
      unconnected: ({ kind }: { kind: string }) => done(kind),
    };
    client.poolFor(target).acquire(seeker, false);
  });
}

it(
  'what the client of upstreams receives is what was sent, wherever its bytes are split',
  async () => {
    const cuts = fc.array(fc.nat(), { maxLength: 12 });
    const property = fc.asyncProperty(responseCase, cuts, async (expected, places) => {
      pieces = splitAt(expected.wire, places);
      closes = expected.endsByClose;
      const got = await ask(expected.toHead);
      expect(got.outcome).toBe('complete');
      expect(got.head?.status).toBe(expected.status);
      expect(got.body.equals(expected.body)).toBe(true);
      expect(readFieldLines(got.head?.endToEnd ?? '')).toEqual(expected.endToEnd);
    });
    await fc.assert(property, { numRuns });
  },
  60_000 + numRuns * 20,
);
