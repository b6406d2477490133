import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ServingSettings } from '../../data-plane/serving/messages.js';
import { clientHello } from '../support/client-hello.js';
import { eventually } from '../support/eventually.js';
import { bar } from './support/bars.js';
import { handshake, leafOf, open, request } from './support/client.js';
import { mint } from './support/mint.js';
import { TestNode } from './support/test-node.js';

const host = 'good.test';

async function served(settings: Partial<ServingSettings> = {}) {
  const node = await TestNode.start({ settings: { workers: 1, ...settings } });
  const certificate = await mint(host);
  await node.bind(1, host, certificate);
  const isServed = async () => {
    expect(await leafOf(node.httpsPort, host)).toBe(certificate.fingerprint256);
  };
  await isServed();
  return { node, isServed };
}

describe('hostile clients', () => {
  it('get no memory with made-up names', async () => {
    const { node, isServed } = await served();
    const [pid = 0] = node.supervisor.pids;
    await flood(node.httpsPort, 500, (n) => `warm-${n}.made-up.test`);
    const before = residentBytes(pid);
    await flood(node.httpsPort, bar(1_000_000, 1_500), (n) => `n-${n}.made-up.test`);
    expect(residentBytes(pid) - before).toBeLessThan(8 * 1024 * 1024);
    expect((await node.supervisor.stats()).contexts).toBe(1);
    await isServed();
  }, 3_600_000);

  it('get a bounded number of contexts with capitals', async () => {
    const { node, isServed } = await served();
    await flood(node.httpsPort, 512, (n) =>
      [...host].map((letter, bit) => (n & (1 << bit) ? letter.toUpperCase() : letter)).join(''),
    );
    const { contexts } = await node.supervisor.stats();
    expect(contexts).toBeGreaterThan(2);
    expect(contexts).toBeLessThan(100);
    await isServed();
  });

  it('do not hold others up with handshakes that stall or crawl, and are let go', async () => {
    const { node, isServed } = await served();
    const hello = await clientHello(host);
    const stalled = await Promise.all(
      // Some wait for the server's answer and then say nothing more.
      Array.from({ length: 300 }, (_, n) =>
        openTcp(node.httpsPort, n % 3 === 0 ? hello : hello.subarray(0, n % 100)),
      ),
    );
    // Some send a byte now and then, so that they are never silent for long.
    const crawling = await Promise.all(
      Array.from({ length: 20 }, () => openTcp(node.httpsPort, hello.subarray(0, 1))),
    );
    let sent = 1;
    const crawl = setInterval(() => {
      for (const socket of crawling) socket.write(hello.subarray(sent, sent + 1));
      sent += 1;
    }, 500);
    onTestFinished(() => clearInterval(crawl));
    await isServed();
    // The engine's clock for a connection without a request: 8 to 12 s.
    for (const socket of [...stalled, ...crawling]) await closed(socket);
    expect(sent).toBeLessThan(hello.length);
    await isServed();
    expect((await node.supervisor.stats()).connectionsActive).toBe(0);
  });

  it('beyond a limit are closed at once, and take nothing from those who are served', async () => {
    const { node } = await served({ maxConnections: 40 });
    const { httpPort, httpsPort } = node;
    const client = await open({ port: httpsPort, serverName: host });
    const hello = await clientHello(host);
    const half = Buffer.from('GET / HTTP/1.1\r\n');
    const flood = await Promise.all(
      Array.from({ length: 120 }, (_, n) =>
        n % 4 === 0 ? openTcp(httpPort, half) : openTcp(httpsPort, hello),
      ),
    );
    await eventually(async () => {
      const { connectionsActive, connectionsRefused } = await node.supervisor.stats();
      expect(connectionsActive).toBeLessThanOrEqual(40);
      expect(connectionsRefused).toBeGreaterThanOrEqual(80);
    });
    expect((await request(client, host)).status).toBe(200);
    // A new certificate is proved by handshakes of the gateway's own.
    const certificate = await mint(host);
    await node.bind(1, host, certificate);
    for (const socket of flood) socket.destroy();
    await eventually(async () => {
      expect(await leafOf(httpsPort, host)).toBe(certificate.fingerprint256);
    });
    client.destroy();
    await eventually(async () => {
      expect((await node.supervisor.stats()).connectionsActive).toBe(0);
    });
  });

  it('may leave at any point of a handshake, and leave nothing behind', async () => {
    const { node, isServed } = await served();
    const { httpsPort: port } = node;
    const hello = await clientHello(host);
    for (let n = 0; n < bar(4_000, 80); n += 1) {
      const socket = await openTcp(port, n % 4 < 2 ? Buffer.alloc(0) : hello);
      if (n % 8 > 5) await once(socket, 'data'); // what the server has signed by then
      if (n % 2 === 0) socket.resetAndDestroy();
      else socket.destroy();
    }
    for (let n = 0; n < bar(1_000, 20); n += 1) (await open({ port, serverName: host })).destroy();
    await isServed();
    await eventually(async () => {
      const { connectionsActive, contexts } = await node.supervisor.stats();
      expect({ connectionsActive, contexts }).toEqual({ connectionsActive: 0, contexts: 1 });
    });
    expect(node.supervisor.restarts).toBe(0);
  });

  it('do no harm with garbage, plain HTTP, cut handshakes and renegotiation', async () => {
    const { node, isServed } = await served();
    const { httpsPort: port } = node;
    const hello = await clientHello(host);
    for (let n = 0; n < bar(2_000, 200); n += 1) {
      const garbled = Buffer.from(hello);
      for (let k = 0; k < 5; k += 1) {
        const at = (n * 7919 + k * 104_729) % garbled.length;
        garbled.writeUInt8(garbled.readUInt8(at) ^ (1 + (n % 255)), at);
      }
      const openings = [
        garbled,
        Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
        hello.subarray(5),
      ];
      const socket = await openTcp(port, openings[n % openings.length] ?? hello);
      if (n % 2 === 0) socket.resetAndDestroy();
      else socket.destroy();
    }
    const tls12 = await open({ port, serverName: host, maxVersion: 'TLSv1.2' });
    const refusal = new Promise((resolve) => {
      tls12.once('error', resolve);
      tls12.renegotiate({}, (error) => resolve(error));
    });
    expect(await refusal).toBeInstanceOf(Error);
    tls12.destroy();
    await isServed();
    expect(node.supervisor.restarts).toBe(0);
  });
});

async function flood(port: number, count: number, name: (n: number) => string): Promise<void> {
  let next = 0;
  const client = async () => {
    while (next < count) {
      const serverName = name(next);
      next += 1;
      await handshake({ port, serverName });
    }
  };
  await Promise.all(Array.from({ length: 16 }, client));
}

function openTcp(port: number, bytes: Buffer): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp(port, '127.0.0.1', () => {
      socket.off('error', reject);
      socket.on('error', () => {}); // a reset is one way to be refused
      if (bytes.length > 0) socket.write(bytes);
      resolve(socket);
    });
    socket.once('error', reject);
    socket.resume();
  });
}

function closed(socket: Socket): Promise<void> {
  if (socket.closed) return Promise.resolve();
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * 4096;
}
