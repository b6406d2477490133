import { createServer } from 'node:http';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { defaultProxyLimits } from '../../data-plane/proxy/proxy-limits.js';
import { AddressBook } from '../../data-plane/proxy/upstream/address-book.js';
import { systemRoots } from '../../data-plane/proxy/upstream/system-roots.js';
import type { UpstreamConnection } from '../../data-plane/proxy/upstream/upstream-connection.js';
import { UpstreamPool } from '../../data-plane/proxy/upstream/upstream-pool.js';
import { compileUpstream } from '../../data-plane/routing/upstream-target.js';
import { RawUpstream } from './support/raw-upstream.js';
import { useScene } from './support/scene.js';

const scene = useScene();
const opened: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0)) await close();
});

/** A pool for `up.test`, whose addresses and time a test sets. */
async function poolOf(addresses: string[]) {
  const upstream = await RawUpstream.start(() => undefined);
  opened.push(() => upstream.close());
  const world = { addresses, now: 0, questions: 0 };
  const limits = { ...defaultProxyLimits, upstreamKeepAliveMs: 1_000_000 };
  const book = new AddressBook({
    now: () => world.now,
    ejectAfterFailures: limits.ejectAfterFailures,
    ejectForMs: limits.ejectForMs,
    resolve: async () => {
      world.questions++;
      return { addresses: world.addresses, ttlMs: 30_000 };
    },
  });
  const target = compileUpstream({ upstreamUrl: `http://up.test:${upstream.port}` });
  if (target?.endpoints[0] === undefined) throw new Error('no target');
  const pool = new UpstreamPool({
    target,
    endpoint: target.endpoints[0],
    addresses: book,
    secureContext: undefined,
    verifyCertificate: true,
    limits,
    now: () => world.now,
  });
  opened.push(() => pool.close());
  const acquire = () =>
    new Promise<UpstreamConnection>((resolve, reject) => {
      pool.acquire(
        { connected: resolve, unconnected: ({ detail }) => reject(new Error(detail)) },
        false,
      );
    });
  return { pool, world, acquire };
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
});

const hasIPv6 = Object.values(networkInterfaces())
  .flat()
  .some((each) => each?.address === '::1');

describe('an upstream at an IPv6 address', () => {
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
