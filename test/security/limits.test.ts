import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { limitConnections } from '../../control-plane/access/connection-limiter.js';
import { GuessLimiter, toNetwork } from '../../control-plane/access/guess-limiter.js';
import { RefusalPace } from '../../control-plane/access/refusal-pace.js';
import { maxBodyBytes, RequestLimiter } from '../../control-plane/access/request-limiter.js';

const MiB = 1024 * 1024;

describe('the request limiter', () => {
  it('bounds what one caller, and all of them, may have under way', () => {
    const limiter = new RequestLimiter(() => 0, { concurrentPerCaller: 2, concurrent: 3 });
    const first = limiter.admit('a', 0);
    limiter.admit('a', 0);
    expect(limiter.admit('a', 0)).toMatchObject({ admitted: false, limit: '2 requests at a time' });
    expect(limiter.admit('b', 0).admitted).toBe(true);
    expect(limiter.admit('b', 0)).toMatchObject({ admitted: false, limit: '3 requests at a time' });
    if (first.admitted) {
      first.release();
      first.release();
    }
    expect(limiter.admit('b', 0).admitted).toBe(true);
    expect(limiter.admit('b', 0).admitted).toBe(false);
  });

  it('bounds the memory that bodies take, those of unknown length at their worst', () => {
    const limiter = new RequestLimiter(() => 0, { bodyBytes: 16 * MiB });
    expect(limiter.admit('a', undefined).admitted).toBe(true);
    expect(limiter.admit('a', maxBodyBytes)).toMatchObject({ admitted: false });
    expect(limiter.admit('a', 6 * MiB).admitted).toBe(true);
    expect(limiter.admit('a', 1)).toMatchObject({ admitted: false });
    expect(limiter.admit('a', 0).admitted).toBe(true);
  });

  it('lets a body in that is larger than all bodies may be, to be refused by its reader', () => {
    const limiter = new RequestLimiter(() => 0, { bodyBytes: 16 * MiB });
    expect(limiter.admit('a', 2 ** 50).admitted).toBe(true);
  });
});

describe('a caller of bad requests', () => {
  it('is slowed down to a fraction of the rate, and is not in debt for long', () => {
    const time = { now: 0 };
    const limits = { perSecond: 100, burst: 200, badRequestCost: 20 };
    const limiter = new RequestLimiter(() => time.now, limits);
    const bad = () => {
      const { admitted } = limiter.admit('a', 0);
      if (admitted) limiter.chargeBadRequest('a', 0);
      return admitted;
    };
    expect(Array.from({ length: 12 }, bad).filter(Boolean)).toHaveLength(10);
    for (let i = 0; i < 100; i++) limiter.chargeBadRequest('a', 0);
    expect(limiter.admit('a', 0)).toMatchObject({ admitted: false, retryAfterMs: 10_010 });
    expect(limiter.admit('b', 0).admitted).toBe(true);
    time.now = 10_010;
    expect(limiter.admit('a', 0).admitted).toBe(true);
  });

  it('pays for the bytes of what was refused', () => {
    const limits = { perSecond: 1_000, burst: 1_000, badRequestCost: 1, badBytesPerRequest: 1_024 };
    const limiter = new RequestLimiter(() => 0, limits);
    limiter.chargeBadRequest('a', MiB);
    expect(limiter.admit('a', 0)).toMatchObject({ admitted: false, retryAfterMs: 25 });
    limiter.chargeBadRequest('b', 2 ** 50);
    expect(limiter.admit('b', 0)).toMatchObject({ admitted: false, retryAfterMs: 9_241 });
  });
});

describe('the pace of refusals', () => {
  it('lets a few be answered at once, and puts a flood in a row', () => {
    const time = { now: 1_000 };
    const pace = new RefusalPace(() => time.now, { perSecond: 10, burst: 3, longestMs: 500 });
    const next = () => pace.next();
    expect(Array.from({ length: 10 }, next)).toEqual([0, 0, 0, 100, 200, 300, 400, 500, 500, 500]);
    time.now += 450;
    expect(next()).toBe(150);
    time.now += 10_000;
    expect(Array.from({ length: 4 }, next)).toEqual([0, 0, 0, 100]);
  });

  it('is not held up by a clock that is put back', () => {
    const time = { now: 1_000_000 };
    const pace = new RefusalPace(() => time.now, { perSecond: 10, burst: 1, longestMs: 500 });
    pace.next();
    time.now = 0;
    expect(pace.next()).toBe(500);
    time.now = 600;
    expect(pace.next()).toBe(0);
  });
});

describe('the guess limiter', () => {
  it('forgives after as long as its longest lock-out', () => {
    const time = { now: 0 };
    const limits = { freeGuesses: 0, firstLockMs: 10, longestLockMs: 40 };
    const limiter = new GuessLimiter(() => time.now, limits);
    const waits = Array.from({ length: 5 }, () => {
      limiter.wrong('192.0.2.1');
      return limiter.lockedForMs('192.0.2.1');
    });
    expect(waits).toEqual([10, 20, 40, 40, 40]);
    time.now = 81;
    limiter.wrong('192.0.2.1');
    expect(limiter.lockedForMs('192.0.2.1')).toBe(10);
  });

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:0DB8:0:0:1::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ])('takes %s for the network %s', (address, network) => {
    expect(toNetwork(address)).toBe(network);
  });
});

it('connections of one address are bounded, and those that end make room', async () => {
  const server = createServer((socket) => socket.on('error', () => {}).resume());
  limitConnections(server, { perNetwork: 2 });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const sockets: Socket[] = [];
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const open = async () => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    sockets.push(socket);
    await once(socket, 'connect');
    return socket;
  };
  const first = await open();
  await open();
  const third = await open();
  await once(third, 'close');
  const gone = once(server, 'connection').then(([socket]: Socket[]) => socket);
  first.destroy();
  await expect.poll(() => count(server)).toBe(1);
  const fourth = await open();
  expect((await gone)?.destroyed).toBe(false);
  expect(fourth.destroyed).toBe(false);
});

it('a connection that sends requests without end and waits for no answer is closed', async () => {
  let begun = 0;
  const server = createHttpServer((request, response) => {
    begun += 1;
    if (request.url === '/answered') response.end('ok');
  });
  limitConnections(server, { pipelined: 4 });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const send = (path: string, times: number) => {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(times));
    onTestFinished(() => void socket.destroy());
    return socket;
  };
  onTestFinished(() => void server.close());
  const patient = send('/held', 4);
  const answered = send('/answered', 3);
  let text = '';
  answered.on('data', (chunk) => {
    text += chunk;
  });
  await expect.poll(() => text.match(/200 OK/g)?.length).toBe(3);
  await expect.poll(() => begun).toBe(7);
  const flood = send('/held', 100_000);
  flood.resume();
  await expect.poll(() => flood.destroyed).toBe(true);
  // What came in one read is parsed all the same; nothing of the rest is.
  expect(begun).toBeLessThan(10_000);
  expect(patient.destroyed).toBe(false);
});

function count(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, connections) =>
      error === null ? resolve(connections) : reject(error),
    );
  });
}
