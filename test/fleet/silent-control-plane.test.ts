import { once } from 'node:events';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Address } from '../../data-plane/snapshot/control-plane-connection.js';
import { joinCluster } from '../../data-plane/snapshot/join-cluster.js';
import { protocolName } from '../../shared/snapshot-protocol.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { FlakyLink } from './chaos/flaky-link.js';
import { startControlPlane, startNode, type TestControlPlane } from './test-cluster.js';

const soon = { timeout: 9_000, interval: 2 }; // of the 10 s that a silent one was once waited for
const inOrder = () => 0.5; // leaves the addresses as they are
const never = { first: 60_000, longest: 60_000 };

interface Silent {
  readonly address: Address;
  readonly connections: ReadonlySet<Socket>;
}

/** Takes connections and says nothing on them. */
async function listenSilently(server: Server): Promise<Silent> {
  const connections = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.on('error', () => socket.destroy());
    socket.resume(); // it says nothing, but hears when the other side has gone
    socket.once('close', () => connections.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of connections) socket.destroy();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('no TCP address');
  return { address: { host: '127.0.0.1', port: address.port }, connections };
}

const silentTcp = () => listenSilently(createTcpServer());

/** Of the cluster, by its certificate, but it never answers a hello. */
async function silentAfterTls({ ca }: TestControlPlane): Promise<Silent> {
  const { certificatePem: cert, keyPem: key } = await ca.issueServerPair(Date.now());
  const server = createTlsServer({ cert, key, ALPNProtocols: [protocolName] });
  server.on('secureConnection', (socket) => socket.resume());
  return listenSilently(server);
}

const hellosAt = ({ logger }: TestControlPlane) =>
  logger.lines.filter(({ message }) => message === 'a node connected').length;

describe('a control plane that says nothing', () => {
  it.each([1, 3])('is passed over, also where there are %i of them', async (count) => {
    const plane = await startControlPlane();
    plane.control.bindHost(1);
    const silent = await Promise.all(Array.from({ length: count }, silentTcp));
    const addresses = [...silent.map(({ address }) => address), plane.address];
    const node = await startNode(plane, { addresses, random: inOrder, backoffMs: never });
    await expect.poll(() => node.store.revision, soon).toBe(plane.control.head);
    expect(node.link.status.controlPlane).toBe(`127.0.0.1:${plane.address.port}`);
    // The attempts at the others are given up, and named.
    await expect
      .poll(() => silent.map(({ connections }) => connections.size), soon)
      .toEqual(silent.map(() => 0));
    expect(node.logger.lines.filter(({ message }) => message.startsWith('no stream'))).toHaveLength(
      count,
    );
    expect(hellosAt(plane)).toBe(1);
  });

  it('is passed over too where it is silent only after the handshake', async () => {
    const plane = await startControlPlane();
    const silent = await silentAfterTls(plane);
    const addresses = [silent.address, plane.address];
    const node = await startNode(plane, { addresses, random: inOrder, backoffMs: never });
    await expect.poll(() => node.link.status.isConnected, soon).toBe(true);
    await expect.poll(() => silent.connections.size, soon).toBe(0);
  });

  it('holds up nobody who joins', async () => {
    const plane = await startControlPlane();
    const { address } = await silentTcp();
    const dataDirectory = await temporaryDirectory();
    const startedAt = performance.now();
    const { nodeId } = await joinCluster({
      ...{ dataDirectory, nodeName: 'joiner', token: await plane.token() },
      addresses: [address, plane.address],
    });
    expect(performance.now() - startedAt).toBeLessThan(soon.timeout);
    expect(plane.registry.node(nodeId)?.name).toBe('joiner');
  });

  it('is asked again, and serves the node once it answers', async () => {
    const plane = await startControlPlane();
    const link = new FlakyLink(() => 0);
    onTestFinished(() => link.close());
    link.target = plane.address.port;
    link.mode = 'hold';
    const node = await startNode(plane, { addresses: [await link.listen()] });
    const given = () => node.logger.lines.filter(({ message }) => message.startsWith('no stream'));
    await expect.poll(() => given().length, soon).toBeGreaterThan(0);
    link.mode = 'pass';
    await expect.poll(() => node.link.status.isConnected, soon).toBe(true);
  });
});

describe('control planes that are asked at once', () => {
  it('are greeted one at a time: who answers first has the node', async () => {
    const slow = await startControlPlane();
    const { ca, members, control, vault } = slow;
    const quick = await startControlPlane({ ca, members, control, vault });
    const link = new FlakyLink(() => 0);
    onTestFinished(() => link.close());
    link.target = slow.address.port;
    link.mode = 'hold';
    const addresses = [await link.listen(), quick.address];
    const node = await startNode(quick, { addresses, random: inOrder, backoffMs: never });
    await expect.poll(() => node.link.status.isConnected, soon).toBe(true);
    link.mode = 'pass';
    control.bindHost(1);
    await expect.poll(() => node.store.revision, soon).toBe(control.head);
    expect([hellosAt(slow), hellosAt(quick)]).toEqual([0, 1]);
  });
});
