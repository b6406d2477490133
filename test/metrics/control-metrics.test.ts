import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { NodeStatus, NodeWatcher } from '../../control-plane/distribution/node-registry.js';
import { ControlMetrics } from '../../control-plane/metrics/control-metrics.js';
import { measuredEventLog } from '../../control-plane/metrics/measured-event-log.js';
import { addMetricsRoutes } from '../../control-plane/metrics/metrics-routes.js';
import { revision } from '../../shared/revision.js';
import { type AdminUnderTest, startAdmin } from '../support/admin-server.js';
import { openStores, startControlPlane } from '../support/control-plane.js';
import { nodeId } from '../support/gateway-fixtures.js';
import { TestCa } from '../support/test-ca.js';

/** A fleet of one node that acknowledges when told to. */
class OneNode {
  #watcher: NodeWatcher = () => {};
  status: NodeStatus = {
    ...{ id: nodeId(1), name: 'edge-1', joinedAt: 0, isConnected: true, pluginsDisagree: false },
    ...{ rejections: [], digestMismatches: 0 },
  };
  nodes = () => [this.status];
  node = () => this.status;
  watch = (watcher: NodeWatcher) => {
    this.#watcher = watcher;
    return () => {};
  };
  acknowledge(revision: NonNullable<NodeStatus['revision']>): void {
    this.status = { ...this.status, revision };
    this.#watcher(this.status.id);
  }
}

async function startMeasured() {
  const metrics = new ControlMetrics();
  const stores = await openStores();
  const log = measuredEventLog(stores.log, metrics);
  const admin = await startAdmin(
    { extensions: [(server) => addMetricsRoutes(server, metrics)] },
    { ...stores, log },
  );
  const node = new OneNode();
  metrics.watchState(admin.plane.folded);
  metrics.watchNodes(node, admin.plane.folded);
  return { admin, node, metrics, stores };
}

/** The samples of the exposition text: name with labels → value. */
async function samples(admin: AdminUnderTest): Promise<Map<string, number>> {
  const response = await fetch(`${admin.url}/metrics`);
  expect(response.headers.get('content-type')).toContain('application/openmetrics-text');
  const lines = (await response.text()).split('\n').filter((line) => !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

describe('metrics of the control plane', () => {
  it('show what is configured, what was written, and what ends first', async () => {
    const { admin } = await startMeasured();
    const host = 'a.test';
    const { cert, key } = await (await TestCa.create()).issue([host], { days: 20 });
    await admin.send('POST', '/apis', { name: 'a', request_host: host, upstream_url: 'http://u' });
    await admin.send('POST', '/apis/a/plugins', { name: 'ssl', config: { cert, key } });
    await admin.send('GET', '/apis/nobody-knows-this-name');

    const seen = await samples(admin);
    expect(seen.get('signet_apis')).toBe(1);
    expect(seen.get('signet_certificates')).toBe(1);
    expect(seen.get('signet_log_revision')).toBe(2);
    expect(seen.get('signet_log_events_total')).toBe(3);
    expect(seen.get('signet_log_append_seconds_count{outcome="appended"}')).toBe(2);
    const notAfter = seen.get(`signet_certificate_not_after_timestamp_seconds{host="${host}"}`);
    expect(seen.get('signet_expiring_hosts{within_days="14"}')).toBe(0);
    expect(seen.get('signet_expiring_hosts{within_days="30"}')).toBe(1);
    expect(notAfter).toBeCloseTo(Date.now() / 1000 + 20 * 86_400, -2);
    expect(
      seen.get('signet_admin_request_seconds_count{method="GET",route="/apis/:api",status="404"}'),
    ).toBe(1);
    expect([...seen.keys()].join()).not.toContain('nobody-knows-this-name');
    expect(seen.get('nodejs_eventloop_lag_p99_seconds')).toBeGreaterThanOrEqual(0);
  });

  it('show how far behind a node is, and how long a change took to be served', async () => {
    const { admin, node } = await startMeasured();
    await admin.send('POST', '/apis', { request_host: 'a.test', upstream_url: 'http://u' });
    await admin.send('POST', '/apis', { request_host: 'b.test', upstream_url: 'http://u' });
    node.acknowledge(revision(0));
    expect((await samples(admin)).get('signet_node_lag_revisions{node="edge-1"}')).toBe(1);
    node.acknowledge(revision(1));
    const seen = await samples(admin);
    expect(seen.get('signet_node_lag_revisions{node="edge-1"}')).toBe(0);
    expect(seen.get('signet_node_revision{node="edge-1"}')).toBe(1);
    expect(seen.get('signet_propagation_seconds_count{node="edge-1"}')).toBe(2);
  });

  it('count conflicts apart from appends', async () => {
    const { metrics, stores } = await startMeasured();
    const log = measuredEventLog(stores.log, metrics);
    const [one, other] = await Promise.all([
      startControlPlane({ ...stores, log }),
      startControlPlane({ ...stores, log }),
    ]);
    for (const plane of [one, other]) {
      await plane.handler.execute(
        { type: 'CreateLog', logId: randomUUID() },
        { actor: 'tester', correlationId: 'c' },
      );
    }
    expect(await metrics.registry.metrics()).toMatch(
      /signet_log_append_seconds_count\{outcome="conflict"\} 1/,
    );
  });
});
