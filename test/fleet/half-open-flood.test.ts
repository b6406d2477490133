import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Newcomers } from '../../control-plane/distribution/newcomers.js';
import { startControlPlane, startNode, type TestControlPlane } from './test-cluster.js';

const maxHandshakes = 512;

/** Connections on which nothing is ever said, a hundred at a time: a queue that overflows changes their order. */
async function openSilent(plane: TestControlPlane, count: number, from: string): Promise<Socket[]> {
  const sockets: Socket[] = [];
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(100, count - sockets.length) }, () => {
      const socket = connect({ ...plane.address, localAddress: from });
      return socket.on('error', () => {}).resume();
    });
    sockets.push(...some);
    await Promise.all(some.map((socket) => once(socket, 'connect')));
  }
  return sockets;
}

const openOf = (sockets: readonly Socket[]) => sockets.filter(({ destroyed }) => !destroyed);

describe('half-open connections to the node stream', () => {
  it.each([
    ['another address', '127.0.0.9'],
    ['the same address', '127.0.0.1'],
  ])('are bounded, and keep no node out, neither one that joins: from %s', async (_what, from) => {
    const plane = await startControlPlane();
    const node = await startNode(plane);
    const flood = await openSilent(plane, maxHandshakes + 200, from);
    await expect.poll(() => openOf(flood).length, { timeout: 5000 }).toBe(maxHandshakes);
    // Those that came last are there: who is quick gets through.
    expect(openOf(flood)).toEqual(flood.slice(200));
    const later = await startNode(plane, { nodeName: 'later' });
    await expect
      .poll(() => plane.registry.nodes().filter(({ isConnected }) => isConnected).length)
      .toBe(2);
    expect(plane.registry.node(node.nodeId)?.isConnected).toBe(true);
    plane.control.bindHost(1);
    const applied = () => [node.store.revision, later.store.revision];
    await expect.poll(applied).toEqual([plane.control.head, plane.control.head]);
  });

  it('are closed when their handshake has taken too long', async () => {
    const plane = await startControlPlane({ strangerTimeoutMs: 300 });
    const flood = await openSilent(plane, 20, '127.0.0.1');
    await expect.poll(() => openOf(flood).length, { timeout: 5000 }).toBe(0);
  });
});

describe('newcomers', () => {
  it('beyond the limit take the place of the oldest of the network that has most', () => {
    const newcomers = new Newcomers(4);
    const out: string[] = [];
    const enter = (name: string, address: string) =>
      newcomers.enter(address, () => void out.push(name));
    enter('a1', '192.0.2.1');
    const leave = enter('b1', '2001:db8::1');
    enter('b2', '2001:db8::2');
    enter('c1', '192.0.2.3');
    enter('a2', '192.0.2.1');
    expect(out).toEqual(['a1']);
    enter('b3', '2001:db8::3');
    expect(out).toEqual(['a1', 'b1']);
    leave(); // for a second time
    leave();
    enter('d1', '192.0.2.4');
    expect(out).toEqual(['a1', 'b1', 'b2']);
  });

  it('give their place back when they go', () => {
    const newcomers = new Newcomers(1);
    const out: string[] = [];
    for (const name of ['first', 'second']) {
      newcomers.enter('192.0.2.1', () => void out.push(name))();
    }
    expect(out).toEqual([]);
  });
});
