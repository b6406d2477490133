import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { leafOf, open, request } from './support/client.js';
import { mint } from './support/mint.js';
import { sClient } from './support/s-client.js';
import { TestNode } from './support/test-node.js';

describe('a serving node', () => {
  it('shows each host its own certificate, and the default one to everybody else', async () => {
    const node = await TestNode.start();
    const a = await mint('a.test');
    const b = await mint('b.test');
    await node.apply([
      ...node.binding(1, 'A.test', a),
      ...node.binding(2, 'b.test', b),
      ...node.binding(3, 'bare.test'),
    ]);
    const { httpsPort: port } = node;

    const unnamed = await leafOf(port);
    expect(await leafOf(port, 'a.test')).toBe(a.fingerprint256);
    expect(await leafOf(port, 'b.test')).toBe(b.fingerprint256);
    expect(await leafOf(port, 'B.Test')).toBe(b.fingerprint256);
    expect(await leafOf(port, 'a.test.')).toBe(a.fingerprint256);
    for (const name of ['bare.test', 'unknown.test', 'x.a.test', '*.test', 'a_b']) {
      expect(await leafOf(port, name)).toBe(unnamed);
    }
    expect([a.fingerprint256, b.fingerprint256]).not.toContain(unnamed);
  });

  it('reads names as RFC 6066 has them, and takes nothing else for one', async () => {
    const node = await TestNode.start();
    const { httpsPort: port } = node;
    const punycode = await mint('xn--bcher-kva.test');
    await node.bind(1, 'xn--bcher-kva.test', punycode);
    await node.bind(2, '*.0.0.1', await mint('any.0.0.1'));
    const unnamed = await leafOf(port);
    const shown = async (serverName: string) => {
      const [leaf = ''] = (await sClient(port, serverName))?.chain ?? [];
      return new X509Certificate(leaf).fingerprint256.replaceAll(':', '').toLowerCase();
    };
    for (const name of ['xn--bcher-kva.test', 'XN--BCHER-KVA.TEST', 'xn--bcher-kva.test.']) {
      expect(await shown(name), name).toBe(punycode.fingerprint256);
    }
    const eleven = 'a.b.c.d.e.f.g.h.i.j.k';
    for (const name of ['bücher.test', '127.0.0.1', '::1', 'a..test', '../../x', eleven]) {
      expect(await shown(name), name).toBe(unnamed);
    }
  });

  it('goes on with a certificate for all hosts where SNI can not ask for one of them', async () => {
    const node = await TestNode.start();
    const { httpsPort: port } = node;
    const common = await mint('*.test');
    const [, certificate, plugin] = node.binding(1, 'a.test', common);
    if (certificate === undefined || plugin?.kind !== 'plugin') throw new Error('no plugin');
    const { apiId: _, ...forAll } = plugin.value;
    const apis = ['a.test', '127.0.0.1', 'a.b.c.d.e.f.g.h.i.j.test', '*.0.0.1'].flatMap(
      (requestHost, n) => node.binding(n, requestHost),
    );
    expect(await node.apply([...apis, certificate, { kind: 'plugin', value: forAll }])).toEqual([]);
    await node.bind(10, 'later.test');
    for (const name of ['a.test', 'later.test']) {
      expect(await leafOf(port, name)).toBe(common.fingerprint256);
    }
  });

  it('forwards requests by TLS and plain', async () => {
    const node = await TestNode.start();
    await node.bind(1, 'a.test', await mint('a.test'));
    const socket = await open({ port: node.httpsPort, serverName: 'a.test' });
    expect(await request(socket, 'a.test')).toMatchObject({ status: 200 });
    socket.destroy();
    const plain = await fetch(`http://127.0.0.1:${node.httpPort}/`);
    expect(plain.status).toBe(404);
  });
});
