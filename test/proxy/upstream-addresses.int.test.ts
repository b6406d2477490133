import { createServer } from 'node:http';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { createSecureContext } from 'node:tls';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { defaultProxyLimits } from '../../data-plane/proxy/proxy-limits.js';
import { AddressBook } from '../../data-plane/proxy/upstream/address-book.js';
import { systemRoots } from '../../data-plane/proxy/upstream/system-roots.js';
import type { UpstreamConnection } from '../../data-plane/proxy/upstream/upstream-connection.js';
import { UpstreamPool } from '../../data-plane/proxy/upstream/upstream-pool.js';
import { compileUpstream } from '../../data-plane/routing/upstream-target.js';
import { RawUpstream } from './support/raw-upstream.js';
import { useScene } from './support/scene.js';
import { TlsFiles } from './support/tls-files.js';

const scene = useScene();
const named = new TlsFiles('DNS:up.test');
afterAll(() => named.remove());
const opened: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0)) await close();
});

/** A pool for `up.test`, whose addresses and time a test sets. */
async function poolOf(addresses: string[], tls?: TlsFiles) {
  const upstream = await RawUpstream.start(() => undefined, tls);
  const acquired: UpstreamConnection[] = [];
  opened.push(async () => {
    for (const connection of acquired) connection.destroy();
    await upstream.close();
  });
  const world = { addresses, now: 0, questions: 0, answer: Promise.resolve() };
  const limits = { ...defaultProxyLimits, upstreamKeepAliveMs: 1_000_000, nextAddressAfterMs: 20 };
  const book = new AddressBook({
    now: () => world.now,
    ejectAfterFailures: limits.ejectAfterFailures,
    ejectForMs: limits.ejectForMs,
    resolve: async () => {
      world.questions++;
      await world.answer;
      return { addresses: world.addresses, ttlMs: 30_000 };
    },
  });
  const scheme = tls === undefined ? 'http' : 'https';
  const target = compileUpstream({ upstreamUrl: `${scheme}://up.test:${upstream.port}` });
  if (target?.endpoints[0] === undefined) throw new Error('no target');
  const pool = new UpstreamPool({
    target,
    endpoint: target.endpoints[0],
    addresses: book,
    secureContext: tls && createSecureContext({ ca: tls.cert }),
    verifyCertificate: true,
    limits,
    now: () => world.now,
  });
  opened.push(() => pool.close());
  const acquire = async () => {
    const connection = await new Promise<UpstreamConnection>((resolve, reject) => {
      pool.acquire(
        { connected: resolve, unconnected: ({ detail }) => reject(new Error(detail)) },
        false,
      );
    });
    acquired.push(connection);
    return connection;
  };
  return { pool, book, world, acquire, upstream };
}

/** Takes connections and says nothing: a TLS handshake with it hangs. */
async function silentServer(host: string, port: number) {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.resume();
  });
  await new Promise<void>((resolve) => {
    server.listen(port, host, resolve);
  });
  opened.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return sockets;
}

describe('the addresses of an upstream', () => {
  it('are asked for again when their time is over, though no new connection is needed', async () => {
    const { pool, world, acquire } = await poolOf(['127.0.0.1']);
    const first = await acquire();
    pool.released(first);
    expect([(await acquire()) === first, world.questions]).toEqual([true, 1]);

    // One connection is in use and one rests when the name moves.
    const resting = await acquire();
    expect(resting).not.toBe(first);
    pool.released(resting);
    world.addresses = ['127.0.0.2'];
    world.now = 30_001;
    pool.expire(world.now);
    await new Promise(setImmediate);
    expect(world.questions).toBe(2);
    pool.expire(world.now);
    expect([first.isOpen, resting.isOpen]).toEqual([true, false]);
    pool.released(first);
    expect(first.isOpen).toBe(false);
    await expect(acquire()).rejects.toThrow('ECONNREFUSED');
  });

  it('are tried one after the other, those that fail last', async () => {
    const { world, acquire } = await poolOf(['127.0.0.2', '127.0.0.3', '127.0.0.1']);
    for (let i = 0; i < 12; i++) expect((await acquire()).address).toBe('127.0.0.1');
    expect(world.questions).toBe(1);
  });

  it('are raced: one that hangs is joined by the next, which ends it', async () => {
    const { book, world, acquire, upstream } = await poolOf(['127.0.0.2', '127.0.0.1'], named);
    const hanging = await silentServer('127.0.0.2', upstream.port);
    const connection = await acquire();
    expect([connection.address, connection.isOpen]).toEqual(['127.0.0.1', true]);
    await vi.waitUntil(() => hanging.size === 0);
    // It goes last once that has happened to it several times.
    for (let i = 0; i < 6; i++) await acquire();
    for (let i = 0; i < 4; i++) expect(book.known('up.test')?.[0]).toBe('127.0.0.1');
    expect(world.questions).toBe(1);
  });

  it('go on being raced for whoever asks after the first has left', async () => {
    const { pool, acquire, upstream } = await poolOf(['127.0.0.2', '127.0.0.1'], named);
    await silentServer('127.0.0.2', upstream.port);
    const leaver = { connected: () => undefined, unconnected: () => undefined };
    pool.acquire(leaver, false);
    await new Promise(setImmediate); // its name is resolved, its first address tried
    pool.cancel(leaver);
    // Longer than the first address has for itself.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await acquire()).address).toBe('127.0.0.1');
  });

  it('that never come are given up', async () => {
    const { pool, world, acquire } = await poolOf([]);
    world.answer = new Promise(() => undefined);
    const given = expect(acquire()).rejects.toThrow('no connection in time');
    world.now = defaultProxyLimits.connectTimeoutMs + 1;
    pool.expire(world.now);
    await given;
    expect(pool.isEmpty).toBe(true);
  });

  it('that all hang are given up together', async () => {
    const { pool, world, acquire, upstream } = await poolOf(['127.0.0.2', '127.0.0.3'], named);
    const hanging = [
      await silentServer('127.0.0.2', upstream.port),
      await silentServer('127.0.0.3', upstream.port),
    ];
    const given = expect(acquire()).rejects.toThrow('no connection in time');
    await vi.waitUntil(() => hanging.every(({ size }) => size === 1));
    world.now = defaultProxyLimits.connectTimeoutMs + 1;
    pool.expire(world.now);
    await given;
    await vi.waitUntil(() => hanging.every(({ size }) => size === 0));
    expect(pool.isEmpty).toBe(true);
  });

  it('alternate between the families, so that one without a route costs one try', async () => {
    const addresses = ['2001:db8::1', '2001:db8::2', '2001:db8::3', '127.0.0.1', '127.0.0.2'];
    const book = new AddressBook({
      now: () => 0,
      ejectAfterFailures: 3,
      ejectForMs: 1000,
      resolve: async () => ({ addresses, ttlMs: 30_000 }),
    });
    expect(await book.resolve('up.test')).toEqual([
      ...['2001:db8::1', '127.0.0.1', '2001:db8::2', '127.0.0.2', '2001:db8::3'],
    ]);
    // The next connection begins with the next address.
    expect(book.known('up.test')?.slice(0, 2)).toEqual(['2001:db8::2', '127.0.0.1']);
  });
});

const hasIPv6 = Object.values(networkInterfaces())
  .flat()
  .some((each) => each?.address === '::1');

describe('an upstream at an IPv6 address', () => {
  it.runIf(hasIPv6)('is reached at ::1 where IPv4 refuses, and the other way round', async () => {
    const { acquire } = await poolOf(['::1', '127.0.0.1']);
    for (let i = 0; i < 4; i++) expect((await acquire()).address).toBe('127.0.0.1');
    const { upstream, acquire: acquireNext } = await poolOf(['127.0.0.2', '::1']);
    await silentServer('::1', upstream.port);
    for (let i = 0; i < 4; i++) expect((await acquireNext()).address).toBe('::1');
  });

  const ask = async (port: number, api: object) => {
    const gateway = await scene.gateway({ apis: [{ host: 'a.test', upstream: '', ...api }] });
    const client = await scene.client(gateway.httpPort);
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    expect((await client.response())?.body.toString()).toBe(`[::1]:${port}`);
  };

  it.runIf(hasIPv6)('is reached by its URL and as a target', async () => {
    const server = createServer((request, response) => response.end(request.headers.host));
    await new Promise<void>((resolve) => {
      server.listen(0, '::1', resolve);
    });
    opened.push(() => void server.close());
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const { port } = address;
    await ask(port, { upstream: `http://[::1]:${port}` });
    const upstreamTargets = [
      { host: '::1', port, weight: 1 },
      { host: '127.0.0.1', port: 1, weight: 1 },
    ];
    await ask(port, { upstream: `http://[::1]:${port}`, reach: { upstreamTargets } });
  });
});

describe('the roots that vouch for upstreams', () => {
  it('are the machine’s, Node’s where it has none', () => {
    const nodes = systemRoots(['/nowhere/roots.pem']);
    expect(nodes.length).toBeGreaterThan(50);
    expect(systemRoots(['/nowhere/roots.pem', import.meta.filename])).toContain('this very file');
    expect(() => systemRoots(['/'])).toThrow('EISDIR');
  });
});
