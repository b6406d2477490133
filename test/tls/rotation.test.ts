import { describe, expect, it } from 'vitest';
import { bar } from './support/bars.js';
import { type Hello, handshake, leafOf, open, request } from './support/client.js';
import { Load, Rotation } from './support/load.js';
import { mint } from './support/mint.js';
import { TestNode } from './support/test-node.js';

describe('rotation', () => {
  it('loses no request and no handshake, and shows nothing older than acknowledged', async () => {
    const node = await TestNode.start();
    const rotation = new Rotation('hot.test');
    const rotate = async () => {
      const certificate = await mint('hot.test');
      rotation.issued(certificate);
      expect(await node.bind(1, 'hot.test', certificate)).toEqual([]);
      rotation.acknowledged(certificate);
    };
    await rotate();
    const load = new Load(node.httpsPort, rotation).reconnecting(8).keepAlive(8);
    for (let n = 0; n < bar(500, 60); n += 1) await rotate();
    await load.stop();
    expect(load.faults).toEqual([]);
    expect(load.handshakes).toBeGreaterThan(100);
    expect(load.resumed).toBeGreaterThan(0);
    if (process.env['SIGNET_TEST_LOG']) console.error(load, await node.supervisor.stats());
  }, 180_000);

  it('takes effect for a host that is unbound, and bound again', async () => {
    const node = await TestNode.start();
    const { httpsPort: port } = node;
    const first = await mint('a.test');
    const second = await mint('a.test');
    const unnamed = await leafOf(port);
    expect(await leafOf(port, 'a.test')).toBe(unnamed);
    await node.bind(1, 'a.test', first);
    expect(await leafOf(port, 'a.test')).toBe(first.fingerprint256);
    await node.unbind(1);
    expect(await leafOf(port, 'a.test')).toBe(unnamed);
    await node.bind(1, 'a.test', second);
    expect(await leafOf(port, 'a.test')).toBe(second.fingerprint256);
    await node.removeApi(1);
    expect(await leafOf(port, 'a.test')).toBe(unnamed);
  });

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`resumes no session that began with another certificate, ${maxVersion}`, async () => {
      const node = await TestNode.start({ settings: { workers: 1 } });
      const hello = { port: node.httpsPort, serverName: 'a.test', maxVersion };
      const session = await sessionOf(hello);
      expect((await handshake({ ...hello, session })).isResumed).toBe(true);

      const first = await mint('a.test');
      await node.bind(1, 'a.test', first);
      expect(await handshake({ ...hello, session })).toEqual({
        fingerprint256: first.fingerprint256,
        isResumed: false,
      });

      // Many times, so that an app that is used again would be met.
      const old = await sessionOf(hello);
      for (let n = 0; n < 6; n += 1) {
        const next = await mint('a.test');
        await node.bind(1, 'a.test', next);
        expect(await handshake({ ...hello, session: old })).toEqual({
          fingerprint256: next.fingerprint256,
          isResumed: false,
        });
      }
    });
  }

  it('leaves the current generation alone where nothing that was shown has changed', async () => {
    const node = await TestNode.start({ settings: { workers: 1 } });
    const { httpsPort: port } = node;
    const a = await mint('a.test');
    await node.bind(1, 'a.test', a);
    const hello = { port, serverName: 'a.test' };
    const session = await sessionOf(hello);
    await node.bind(2, 'b.test', await mint('b.test'));
    await node.bind(2, 'b.test', await mint('b.test'));
    await node.bind(1, 'a.test', a);
    expect((await handshake({ ...hello, session })).isResumed).toBe(true);
  });

  it('moves with wildcards: exact before wildcard, any depth, the longer one first', async () => {
    const node = await TestNode.start();
    const { httpsPort: port } = node;
    const wide = await mint('*.w.test');
    const narrow = await mint('*.deep.w.test');
    const trailing = await mint('w.any');
    const unnamed = await leafOf(port);
    await node.bind(1, '*.w.test', wide);
    expect(await leafOf(port, 'a.w.test')).toBe(wide.fingerprint256);
    expect(await leafOf(port, 'a.deep.w.test')).toBe(wide.fingerprint256);
    expect(await leafOf(port, 'w.test')).toBe(unnamed);
    await node.bind(2, '*.deep.w.test', narrow);
    expect(await leafOf(port, 'a.deep.w.test')).toBe(narrow.fingerprint256);
    await node.bind(3, 'exact.w.test');
    expect(await leafOf(port, 'exact.w.test')).toBe(unnamed);
    await node.bind(4, 'w.*', trailing);
    expect(await leafOf(port, 'w.example')).toBe(trailing.fingerprint256);
    const rotated = await mint('*.w.test');
    await node.bind(1, '*.w.test', rotated);
    expect(await leafOf(port, 'a.w.test')).toBe(rotated.fingerprint256);
    expect(await leafOf(port, 'a.deep.w.test')).toBe(narrow.fingerprint256);
  });

  it('rejects a certificate that can not be loaded and keeps the last good one, for that host', async () => {
    const node = await TestNode.start();
    const { httpsPort: port } = node;
    const good = await mint('a.test');
    const other = await mint('b.test');
    await node.apply([...node.binding(1, 'a.test', good), ...node.binding(2, 'b.test', other)]);
    expect(await leafOf(port, 'a.test')).toBe(good.fingerprint256);
    const bad = { ...(await mint('a.test')), keyPem: otherKey };
    const rotated = await mint('b.test');
    const rejections = await node.apply([
      ...node.binding(1, 'A.test', bad),
      ...node.binding(2, 'b.test', rotated),
    ]);
    expect(rejections).toEqual([
      { certificateId: bad.id, hosts: ['a.test'], reason: 'the key does not match the leaf' },
    ]);
    for (let n = 0; n < 4; n += 1) {
      expect(await leafOf(port, 'a.test')).toBe(good.fingerprint256);
      expect(await leafOf(port, 'b.test')).toBe(rotated.fingerprint256);
    }
    // Also where everything changes at once, and for a process that starts later.
    const everything = Array.from({ length: 1001 }, (_, n) => node.binding(100 + n, `x-${n}.test`));
    expect(await node.apply(everything.flat())).toEqual(rejections);
    await node.supervisor.restartWorkers();
    expect(await leafOf(port, 'a.test')).toBe(good.fingerprint256);
    const mended = await mint('a.test');
    expect(await node.bind(1, 'a.test', mended)).toEqual([]);
    expect(await leafOf(port, 'a.test')).toBe(mended.fingerprint256);
  });

  it('takes nothing for proved by a process that died over it', async () => {
    const node = await TestNode.start({ settings: { workers: 1 } });
    const good = await mint('a.test');
    await node.bind(1, 'a.test', good);
    const bad = { ...(await mint('a.test')), keyPem: otherKey };
    const [pid = 0] = node.supervisor.pids;
    const applied = node.bind(1, 'a.test', bad);
    process.kill(pid, 'SIGKILL');
    expect(await applied).toMatchObject([{ certificateId: bad.id, hosts: ['a.test'] }]);
    expect(node.supervisor.restarts).toBe(1);
    // The first client of the next process, too.
    expect(await leafOf(node.httpsPort, 'a.test')).toBe(good.fingerprint256);
  });
});

const otherKey = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f
-----END PRIVATE KEY-----
`;

/** A session that a client of this kind is given; with TLS 1.3 it comes with the first answer. */
async function sessionOf(hello: Hello): Promise<Buffer> {
  const socket = await open(hello);
  const early = socket.getSession();
  const late = new Promise<Buffer>((resolve) => socket.once('session', resolve));
  await request(socket, 'a.test');
  const session = hello.maxVersion === 'TLSv1.2' && early !== undefined ? early : await late;
  socket.destroy();
  return session;
}
