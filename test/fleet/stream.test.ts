import { describe, expect, it } from 'vitest';
import { whenApplied } from '../../control-plane/distribution/applied-barrier.js';
import type { SnapshotServer } from '../../data-plane/snapshot/apply-snapshot.js';
import { openNodeStoreWriter } from '../../data-plane/store/open-node-store.js';
import { openNodeStoreReader } from '../../data-plane/store/open-node-store-reader.js';
import type { Revision } from '../../shared/revision.js';
import { freePorts } from '../support/free-port.js';
import {
  apiDeleted,
  apiId,
  certificate,
  certificateId,
  certUploaded,
  keyId,
} from '../support/gateway-fixtures.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { startControlPlane, startNode, type TestControlPlane } from './test-cluster.js';

const soon = { timeout: 5000, interval: 2 };
const headOf = ({ control }: TestControlPlane) => control.head as Revision;
const everyNodeServes = (plane: TestControlPlane) =>
  whenApplied(plane, headOf(plane), { scope: 'all', timeoutMs: 5000 });

/** Serving processes whose proof can be held back. */
function heldServer(): SnapshotServer & { readonly calls: number; release(): void } {
  const waiting: (() => void)[] = [];
  let calls = 0;
  return {
    get calls() {
      return calls;
    },
    async applied() {
      calls += 1;
      await new Promise<void>((resolve) => waiting.push(resolve));
      return [];
    },
    release() {
      for (const resolve of waiting.splice(0)) resolve();
    },
  };
}

describe('stream: snapshots', () => {
  it('brings a new node everything, and then every change', async () => {
    const plane = await startControlPlane();
    plane.control.bindHost(1);
    const node = await startNode(plane);
    await node.link.whenCurrent();
    expect(node.store.revision).toBe(plane.control.head);
    expect(await everyNodeServes(plane)).toMatchObject({ isApplied: true, stragglers: [] });
    expect(node.store.revision).toBe(plane.control.head);
    plane.control.bindHost(2);
    expect((await everyNodeServes(plane)).isApplied).toBe(true);
    expect(node.store.digest).toBe(plane.feed.head?.digest);
    const reader = openNodeStoreReader(node);
    expect(reader.apiByHost('host-2.test')?.api.id).toBe(apiId(2));
    expect(reader.certificate(certificateId(2))?.keyPem).toBe(`canary-key ${keyId(2)}`);
    plane.control.record(apiDeleted(1));
    await everyNodeServes(plane);
    expect(reader.apiByHost('host-1.test')).toBeUndefined();
    expect(reader.certificate(certificateId(1))).toBeUndefined();
    reader.close();
  });

  it('sends a returning node the difference alone', async () => {
    const plane = await startControlPlane();
    plane.control.bindHost(1);
    const first = await startNode(plane);
    await everyNodeServes(plane);
    await first.close();
    await expect.poll(() => plane.registry.node(first.nodeId)?.isConnected, soon).toBe(false);
    plane.control.bindHost(2);
    plane.vault.opened.length = 0;
    const { dataDirectory } = first;
    const again = await startNode(plane, { dataDirectory });
    await everyNodeServes(plane);
    expect(again.nodeId).toBe(first.nodeId);
    expect(plane.vault.opened).toEqual([keyId(2)]);
  });

  it('sends everything to a node that is too far behind', async () => {
    const plane = await startControlPlane({ maxRememberedKeys: 5 });
    plane.control.bindHost(1);
    const { dataDirectory, close, nodeId } = await startNode(plane);
    await everyNodeServes(plane);
    await close();
    await expect.poll(() => plane.registry.node(nodeId)?.isConnected, soon).toBe(false);
    for (let n = 2; n < 8; n += 1) plane.control.bindHost(n);
    plane.vault.opened.length = 0;
    const again = await startNode(plane, { dataDirectory });
    await everyNodeServes(plane);
    expect(plane.vault.opened).toHaveLength(7);
    expect(again.store.digest).toBe(plane.feed.head?.digest);
  });

  it('opens a key once for all nodes that move together', async () => {
    const plane = await startControlPlane();
    for (const nodeName of ['a', 'b', 'c']) await startNode(plane, { nodeName });
    await everyNodeServes(plane);
    plane.control.bindHost(1);
    expect((await everyNodeServes(plane)).applied).toHaveLength(3);
    expect(plane.vault.opened).toEqual([keyId(1)]);
  });

  it('comes in chunks when it is big, and the store is whole at the end', async () => {
    const plane = await startControlPlane();
    for (let n = 1; n <= 1500; n += 1) plane.control.bindHost(n);
    const node = await startNode(plane);
    expect((await everyNodeServes(plane)).isApplied).toBe(true);
    expect(node.store.digest).toBe(plane.feed.head?.digest);
  });

  it('lets a slow node skip what lies between, and holds up nobody', async () => {
    const plane = await startControlPlane();
    const server = heldServer();
    const slow = await startNode(plane, { nodeName: 'slow', server });
    const fast = await startNode(plane, { nodeName: 'fast' });
    await expect.poll(() => server.calls, soon).toBe(1);
    for (let n = 1; n <= 50; n += 1) {
      plane.control.bindHost(n);
      await expect.poll(() => fast.store.revision, soon).toBe(plane.control.head);
    }
    const report = await whenApplied(plane, headOf(plane), {
      scope: 'all',
      timeoutMs: 20,
    });
    expect(report.isApplied).toBe(false);
    expect(report.applied.map(({ name }) => name)).toEqual(['fast']);
    expect(report.stragglers.map(({ name }) => name)).toEqual(['slow']);
    server.release();
    await expect.poll(() => server.calls, soon).toBe(2);
    server.release();
    expect((await everyNodeServes(plane)).isApplied).toBe(true);
    expect(slow.store.digest).toBe(fast.store.digest);
    expect(server.calls).toBe(2);
  });

  it('costs nodes nothing where nothing changes for them, and counts as served all the same', async () => {
    const plane = await startControlPlane({ keepAliveMs: 300 });
    plane.control.bindHost(1);
    const node = await startNode(plane);
    await everyNodeServes(plane);
    const { revision } = node.store;
    plane.control.record(certUploaded(certificate(5)));
    expect((await everyNodeServes(plane)).isApplied).toBe(true);
    expect(node.store.revision).toBe(revision);
    await expect.poll(() => node.store.revision, soon).toBe(headOf(plane));
  });

  it.each(['full', 'delta'])(
    'gives up a snapshot that is overtaken, and sends the next: %s',
    async (kind) => {
      const plane = await startControlPlane();
      plane.control.bindHost(1);
      const { vault, control } = plane;
      const open = vault.open.bind(vault);
      vault.open = async (id) => {
        // Host 2 is unbound, and its key erased, while it is on its way to the node.
        if (id === keyId(2) && !vault.erased.has(id)) {
          await vault.erase(id);
          control.record(apiDeleted(2));
        }
        return open(id);
      };
      if (kind === 'full') control.bindHost(2);
      const node = await startNode(plane);
      if (kind === 'delta') {
        await everyNodeServes(plane);
        control.bindHost(2);
      }
      await expect.poll(() => vault.erased.size, soon).toBe(1);
      expect((await everyNodeServes(plane)).isApplied).toBe(true);
      expect(node.store.digest).toBe(plane.feed.head?.digest);
      // On the one connection, and without the node's asking for it.
      const told = [...plane.logger.lines, ...node.logger.lines].map(({ message }) => message);
      expect(told.filter((message) => message === 'a node connected')).toHaveLength(1);
      expect(told.filter((message) => /broke|again|not applied/.test(message))).toEqual([]);
    },
  );

  it('goes on without a certificate whose key is gone, and says which host it is', async () => {
    const plane = await startControlPlane();
    await plane.vault.erase(keyId(1));
    plane.control.bindHost(1);
    plane.control.bindHost(2);
    const node = await startNode(plane);
    expect((await everyNodeServes(plane)).isApplied).toBe(true);
    const reader = openNodeStoreReader(node);
    expect(reader.certificate(certificateId(1))?.keyPem).toBe('');
    expect(reader.certificate(certificateId(2))?.keyPem).toContain('canary-key');
    reader.close();
  });
});

describe('stream: acknowledgements', () => {
  it('carry rejections for as long as they stand', async () => {
    const plane = await startControlPlane();
    plane.control.bindHost(1);
    const rejection = {
      certificateId: certificateId(9),
      hosts: ['host-1.test'],
      reason: 'no good',
    };
    const server: SnapshotServer = {
      applied: ({ hosts }) => {
        const isBad = hosts !== 'all' && hosts.includes('host-1.test') && headOf(plane) < 7;
        return Promise.resolve(isBad ? [rejection] : []);
      },
    };
    const node = await startNode(plane, { server });
    const report = await everyNodeServes(plane);
    expect(report.rejections).toEqual([{ ...rejection, nodeId: node.nodeId, nodeName: 'node-1' }]);
    plane.control.bindHost(2);
    expect((await everyNodeServes(plane)).rejections).toHaveLength(1);
    plane.control.rebindHost(1, 3);
    expect((await everyNodeServes(plane)).rejections).toEqual([]);
    const past = plane.history.at(node.nodeId, Date.now());
    expect(past).toMatchObject({ revision: headOf(plane), rejections: [] });
  });

  it('arrive however many hosts a rejected certificate has', async () => {
    const plane = await startControlPlane();
    plane.control.bindHost(1);
    const hosts = Array.from({ length: 50_000 }, (_, n) => `a-host-of-a-common-length-${n}.test`);
    const rejection = { certificateId: certificateId(9), hosts, reason: 'no good' };
    await startNode(plane, { server: { applied: async () => [rejection] } });
    const [told] = (await everyNodeServes(plane)).rejections;
    expect(told?.hosts).toEqual(hosts.slice(0, 1000));
  });

  it('with a wrong digest raise an alarm, and the node is sent everything again', async () => {
    const plane = await startControlPlane();
    plane.control.bindHost(1);
    const node = await startNode(plane);
    await everyNodeServes(plane);
    await node.close();
    const { dataDirectory } = node;
    const damaged = openNodeStoreWriter(node, node.logger);
    damaged.apply({
      logId: damaged.logId ?? '',
      from: headOf(plane),
      to: (headOf(plane) + 3) as Revision,
      upserts: [],
      removals: [
        { kind: 'plugin', id: [...plane.control.state.plugins.keys()][0] ?? expect.fail() },
      ],
    });
    damaged.close();
    plane.control.bindHost(2);
    const again = await startNode(plane, { dataDirectory });
    await expect.poll(() => again.store.digest, soon).toBe(plane.feed.head?.digest);
    expect(plane.registry.node(node.nodeId)?.digestMismatches).toBe(1);
    expect(plane.logger.lines.some(({ message }) => message.startsWith('ALARM'))).toBe(true);
  });
});

describe('stream: reconnecting', () => {
  it('finds another control plane and never goes back to an older revision', async () => {
    const directory = await temporaryDirectory();
    const first = await startControlPlane({ directory });
    const second = await startControlPlane({
      ca: first.ca,
      members: first.members,
      control: first.control,
      vault: first.vault,
    });
    first.control.bindHost(1);
    const node = await startNode(first, { addresses: [first.address, second.address] });
    await expect.poll(() => node.store.revision, soon).toBe(first.control.head);
    const at = node.link.status.controlPlane?.endsWith(`:${first.address.port}`) ? first : second;
    const other = at === first ? second : first;
    await at.server.close();
    await expect
      .poll(() => node.link.status.controlPlane, soon)
      .toBe(`127.0.0.1:${other.address.port}`);
    first.control.bindHost(2);
    await expect.poll(() => node.store.revision, soon).toBe(first.control.head);
  });

  it('asks every control plane before it waits', async () => {
    const [deadPort = 0] = await freePorts(1);
    const plane = await startControlPlane();
    const node = await startNode(plane, {
      addresses: [{ host: '127.0.0.1', port: deadPort }, plane.address],
      random: () => 0.5, // leaves the addresses in their order
      backoffMs: { first: 60_000, longest: 60_000 },
    });
    await expect.poll(() => node.link.status.isConnected, soon).toBe(true);
    expect(node.logger.lines.filter(({ message }) => message.startsWith('no stream'))).toHaveLength(
      1,
    );
  });

  it('says since when it is stale, and is not once it is connected again', async () => {
    const plane = await startControlPlane();
    plane.control.bindHost(1);
    const node = await startNode(plane);
    await everyNodeServes(plane);
    expect(node.link.status).toMatchObject({ isConnected: true, head: headOf(plane) });
    expect(node.link.status.staleSince).toBeUndefined();
    const before = Date.now();
    await plane.server.close();
    await expect.poll(() => node.link.status.isConnected, soon).toBe(false);
    const { staleSince } = node.link.status;
    expect(staleSince).toBeGreaterThanOrEqual(before);
    await node.close();
    const { dataDirectory } = node;
    const again = await startNode(plane, { dataDirectory, clock: () => Date.now() + 3_600_000 });
    expect(again.link.status.staleSince).toBeCloseTo(staleSince ?? 0, -1); // a float of the file system's
  });

  it('keeps what it has when the control plane knows an older revision only', async () => {
    const plane = await startControlPlane();
    plane.control.bindHost(1);
    plane.control.bindHost(2);
    const node = await startNode(plane);
    await everyNodeServes(plane);
    const revision = node.store.revision;
    const behind = await startControlPlane({ ca: plane.ca, members: plane.members });
    behind.control.bindHost(1);
    const { dataDirectory } = node;
    await node.close();
    const again = await startNode(behind, { dataDirectory });
    await expect.poll(() => again.link.status.isConnected, soon).toBe(true);
    await expect.poll(() => behind.registry.node(node.nodeId)?.revision, soon).toBe(revision);
    expect(again.store.revision).toBe(revision);
    behind.control.bindHost(2);
    behind.control.bindHost(3);
    await expect.poll(() => again.store.revision, soon).toBe(headOf(behind));
  });
});

describe('registry', () => {
  it('tells of nodes that disagree on plugins_available', async () => {
    const plane = await startControlPlane();
    const node = await startNode(plane, { pluginsAvailable: [] });
    await everyNodeServes(plane);
    expect(plane.registry.node(node.nodeId)).toMatchObject({
      pluginsDisagree: true,
      isConnected: true,
      health: { workers: 2, ready: true },
      version: '0.0.0-test',
    });
    expect(plane.logger.lines.some(({ message }) => message.includes('plugins_available'))).toBe(
      true,
    );
  });

  it('knows at once that a node is ready, and that it lost a worker', async () => {
    const plane = await startControlPlane({ keepAliveMs: 60_000 });
    plane.control.bindHost(1);
    let health = { workers: 2, workersWanted: 2, ready: false };
    const server: SnapshotServer = {
      applied: async () => {
        health = { ...health, ready: true };
        return [];
      },
    };
    const node = await startNode(plane, { server, health: () => health });
    const known = () => plane.registry.node(node.nodeId)?.health;
    await expect.poll(known, soon).toMatchObject({ workers: 2, ready: true });
    health = { ...health, workers: 1 };
    node.link.healthChanged();
    await expect.poll(known, soon).toMatchObject({ workers: 1, ready: true });
  });

  it('counts a quorum as more than half', async () => {
    const plane = await startControlPlane();
    await startNode(plane, { nodeName: 'a' });
    await startNode(plane, { nodeName: 'b' });
    const third = await startNode(plane, { nodeName: 'c' });
    await everyNodeServes(plane);
    await third.close();
    plane.control.bindHost(1);
    const wait = { scope: 'quorum', timeoutMs: 5000 } as const;
    const report = await whenApplied(plane, headOf(plane), wait);
    expect(report.isApplied).toBe(true);
    expect(report.stragglers).toMatchObject([{ name: 'c', isConnected: false }]);
  });
});
