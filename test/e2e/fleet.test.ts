import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Topology } from '../../load-tests/topology.js';
import { type AdminAnswer, idOf } from '../support/admin-client.js';
import { EventStoreDouble } from '../support/eventstore-double.js';
import { eventually } from '../support/eventually.js';
import { ScratchDirectory } from '../support/scratch-directory.js';
import { shownLeaf } from '../support/shown-leaf.js';
import { TestCa } from '../support/test-ca.js';

const host = 'fleet.test';

describe('a fleet of two control planes over one log, and two nodes behind a balancer', () => {
  const directory = new ScratchDirectory();
  let store: EventStoreDouble;
  let fleet: Topology;
  let ca: TestCa;
  let pluginId: string;

  beforeAll(async () => {
    ca = await TestCa.create();
    store = await EventStoreDouble.start();
    fleet = new Topology({
      directory: (name) => directory.path(name),
      nodes: 2,
      eventLog: store.connectionString,
      flags: ['--workers', '1'],
      balancerPorts: { http: 0, https: 0 },
    });
    await fleet.start();
  }, 120_000);

  afterAll(async () => {
    await fleet?.close('kill');
    store?.stop();
    await directory.remove();
  }, 60_000);

  it('serves on every node what either control plane was told', async () => {
    const certificate = await ca.issue([host]);
    await fleet.admin(0).addApi('fleet', host, 'http://127.0.0.1:9');
    let bound: AdminAnswer | undefined;
    await eventually(async () => {
      bound = await fleet.admin(1).bind('fleet', certificate);
      expect(bound.status).toBe(201);
    });
    pluginId = idOf(bound ?? expect.fail('nothing was bound'));
    await eventually(async () => {
      for (const { tlsPort } of fleet.nodes) {
        expect(await shownLeaf(tlsPort, host)).toBe(certificate.fingerprint256);
      }
    });
    expect(await shownLeaf(fleet.balancerPorts.https, host)).toBe(certificate.fingerprint256);
  });

  it('waits for nodes that the other control plane feeds too', async () => {
    for (const admin of [fleet.admin(0), fleet.admin(1)]) {
      const certificate = await ca.issue([host]);
      const answer = await admin.rebind('fleet', pluginId, certificate, 'applied');
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.headers.get('signet-applied') ?? '{}')).toMatchObject({
        complete: true,
        applied: 2,
      });
      for (const { tlsPort } of fleet.nodes) {
        expect(await shownLeaf(tlsPort, host)).toBe(certificate.fingerprint256);
      }
    }
  });

  it('goes on serving and restarting nodes with no control plane in sight', async () => {
    const certificate = await ca.issue([host]);
    expect((await fleet.admin(0).rebind('fleet', pluginId, certificate)).status).toBe(200);
    await eventually(async () => {
      for (const { tlsPort } of fleet.nodes) {
        expect(await shownLeaf(tlsPort, host)).toBe(certificate.fingerprint256);
      }
    });
    await Promise.all(fleet.controlPlanes.map((plane) => plane.kill()));
    await fleet.nodes[0]?.kill();
    const again = await fleet.startNode(0);
    for (let attempt = 0; attempt < 20; attempt++) {
      expect(await shownLeaf(again.tlsPort, host)).toBe(certificate.fingerprint256);
      expect(await shownLeaf(fleet.balancerPorts.https, host)).toBe(certificate.fingerprint256);
    }
    expect((await fetch(`${again.statusUrl}/ready`)).status).toBe(200);
    const status = (await (await fetch(`${again.statusUrl}/status`)).json()) as Record<
      string,
      unknown
    >;
    expect(status).toMatchObject({ node: 'node-1', ready: true, stale: true });
    expect(Date.parse(String(status['stale_since']))).toBeGreaterThan(0);
    const metrics = await (await fetch(`${again.statusUrl}/metrics`)).text();
    expect(metrics).toMatch(/^signet_node_connected 0$/m);
    expect(metrics).toMatch(/^signet_node_stale_seconds [0-9.]+$/m);
  });
});
