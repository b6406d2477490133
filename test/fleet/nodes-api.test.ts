import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { addNodeServedRoute } from '../../control-plane/admin-api/routes/node-served.js';
import { addNodeRoutes } from '../../control-plane/admin-api/routes/nodes.js';
import { whenApplied } from '../../control-plane/distribution/applied-barrier.js';
import { History } from '../../control-plane/projections/history.js';
import type { SnapshotServer } from '../../data-plane/snapshot/apply-snapshot.js';
import { readIdentity } from '../../data-plane/snapshot/node-identity.js';
import type { Revision } from '../../shared/revision.js';
import type { RejectedEntry } from '../../shared/snapshot.js';
import { type AdminUnderTest, startAdmin } from '../support/admin-server.js';
import { openStores, startControlPlane } from '../support/control-plane.js';
import { certificateId } from '../support/gateway-fixtures.js';
import { silentLogger } from '../support/silent-logger.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { TestCa } from '../support/test-ca.js';
import { feedFrom, startNode } from './test-cluster.js';

const soon = { timeout: 5000, interval: 5 };
let apis = 0;

/** An admin API and a node stream over the same log. */
async function startFleet() {
  const writer = await startControlPlane(await openStores());
  await writer.handler.execute(
    { type: 'CreateLog', logId: '22222222-2222-4222-8222-222222222222' },
    { actor: 'test', correlationId: 'test' },
  );
  const plane = await feedFrom(writer);
  const history = new History({
    path: join(await temporaryDirectory(), 'history.sqlite'),
    log: writer.log,
    control: writer.folded,
    logger: silentLogger,
  });
  onTestFinished(() => history.close());
  const admin = await startAdmin({
    ...writer,
    whenApplied: (revision, wait) => whenApplied(plane, revision, wait),
    extensions: [
      (server, context) =>
        addNodeRoutes(server, context, {
          registry: plane.registry,
          feed: plane.feed,
          issueJoinToken: (at) => plane.members.issueToken(plane.ca.fingerprint256, at),
        }),
      (server, context) =>
        addNodeServedRoute(server, context, { ...plane, acks: plane.history, history }),
    ],
  });
  return { admin, plane, state: () => writer.folded.state };
}

const addApi = (admin: AdminUnderTest, query = '') => {
  apis += 1;
  const body = {
    name: `api-${apis}`,
    request_host: `h${apis}.test`,
    upstream_url: 'http://u.test',
  };
  return admin.send('POST', `/apis${query}`, body);
};

const appliedOf = ({ headers }: { headers: Headers }) =>
  JSON.parse(headers.get('signet-applied') ?? 'null');

describe('admin API: wait', () => {
  it('answers when every node has proved that it serves the write', async () => {
    const { admin, plane } = await startFleet();
    const node = await startNode(plane);
    const answer = await addApi(admin, '?wait=applied');
    expect(answer.status).toBe(201);
    const revision = Number(answer.headers.get('signet-revision'));
    expect(plane.registry.node(node.nodeId)?.revision).toBeGreaterThanOrEqual(revision);
    expect(appliedOf(answer)).toMatchObject({ complete: true, applied: 1, stragglers: 0 });
    expect((await admin.send('GET', `/nodes/applied/${revision}`)).json).toMatchObject({
      revision,
      complete: true,
      applied: [{ id: node.nodeId, name: 'node-1' }],
      stragglers: [],
    });
  });

  it.each(['applied', 'quorum'])(
    'tells nobody that a fleet without nodes serves it: %s',
    async (wait) => {
      const { admin } = await startFleet();
      const startedAt = performance.now();
      const answer = await addApi(admin, `?wait=${wait}`);
      expect(answer.status).toBe(201);
      expect(appliedOf(answer)).toMatchObject({ complete: false, applied: 0, stragglers: 0 });
      expect(performance.now() - startedAt).toBeLessThan(5000); // of 10,000
      const revision = answer.headers.get('signet-revision');
      const report = await admin.send('GET', `/nodes/applied/${revision}`);
      expect(report.json).toMatchObject({ complete: false, applied: [], stragglers: [] });
    },
  );

  it('lists stragglers once the time is over, and the write stands', async () => {
    const { admin, plane } = await startFleet();
    const stuck: SnapshotServer = { applied: () => new Promise(() => {}) };
    await startNode(plane, { nodeName: 'stück', server: stuck });
    await startNode(plane, { nodeName: 'fine' });
    const answer = await addApi(admin, '?wait=applied&wait_timeout_ms=300');
    expect(answer.status).toBe(201);
    expect(appliedOf(answer)).toMatchObject({
      complete: false,
      applied: 1,
      straggling_nodes: ['stück'],
    });
    const revision = answer.headers.get('signet-revision');
    const report = (await admin.send('GET', `/nodes/applied/${revision}`)).json;
    expect(report['stragglers']).toMatchObject([{ name: 'stück', connected: true }]);
  });

  it('tells of rejections, with the reason', async () => {
    const { admin, plane } = await startFleet();
    const rejection = { certificateId: certificateId(1), hosts: ['h.test'], reason: 'poison' };
    await startNode(plane, { server: { applied: () => Promise.resolve([rejection]) } });
    expect(appliedOf(await addApi(admin, '?wait=quorum'))).toMatchObject({
      complete: true,
      rejecting_nodes: [{ name: 'node-1', hosts: ['h.test'], reason: 'poison' }],
    });
  });

  it('refuses what it does not understand before anything is written', async () => {
    const { admin, plane } = await startFleet();
    const { head } = plane.control;
    for (const query of [
      '?wait=some',
      '?wait=applied&wait_timeout_ms=0',
      '?wait=applied&wait_timeout_ms=x',
    ]) {
      expect((await addApi(admin, query)).status).toBe(400);
    }
    expect(plane.control.head).toBe(head);
  });
});

describe('admin API: nodes', () => {
  it('lists each node with what it serves and how it is', async () => {
    const { admin, plane } = await startFleet();
    const node = await startNode(plane);
    const added = await addApi(admin, '?wait=applied');
    const { json } = await admin.send('GET', '/nodes');
    expect(json['data']).toMatchObject([
      {
        id: node.nodeId,
        name: 'node-1',
        connected: true,
        ready: true,
        workers: 2,
        version: '0.0.0-test',
        revision: Number(added.headers.get('signet-revision')),
        lag: 0,
        plugins_disagree: false,
        rejections: [],
      },
    ]);
    expect((await admin.send('GET', '/nodes/node-1')).json).toMatchObject({ id: node.nodeId });
    expect((await admin.send('GET', `/nodes/${node.nodeId}`)).status).toBe(200);
    expect((await admin.send('GET', '/nodes/other')).status).toBe(404);
    expect((await admin.send('PATCH', '/nodes/node-1', {})).status).toBe(405);
  });

  it('shows nothing of a node that lost its store until it has proved something again', async () => {
    const { admin, plane } = await startFleet();
    const node = await startNode(plane);
    const revision = Number((await addApi(admin, '?wait=applied')).headers.get('signet-revision'));
    const shown = async () => (await admin.send('GET', '/nodes/node-1')).json;
    const applied = async () => (await admin.send('GET', `/nodes/applied/${revision}`)).json;
    const { lastSeenAt = 0 } = plane.registry.node(node.nodeId) ?? {};
    await node.close();
    await expect.poll(shown, soon).toMatchObject({ connected: false, revision, lag: 0 });
    const { dataDirectory } = node;
    for (const suffix of ['', '-wal', '-shm']) {
      await rm(join(dataDirectory, `node-store.sqlite${suffix}`), { force: true });
    }
    let prove = () => {};
    const proof = new Promise<readonly RejectedEntry[]>((resolve) => {
      prove = () => resolve([]);
    });
    const identity = await readIdentity(dataDirectory);
    const setup = { dataDirectory, server: { applied: () => proof } };
    await startNode(plane, identity === undefined ? setup : { ...setup, identity });
    await expect.poll(shown, soon).toMatchObject({ connected: true, lag: revision + 1 });
    expect(await shown()).not.toHaveProperty('revision');
    expect(await applied()).toMatchObject({ complete: false, applied: [], stragglers: [{}] });
    const wait = { scope: 'all', timeoutMs: 50 } as const;
    const report = await whenApplied(plane, revision as Revision, wait);
    expect(report).toMatchObject({ isApplied: false, stragglers: [{ id: node.nodeId }] });
    const before = await admin.send('GET', `/nodes/node-1/served?at=${lastSeenAt}`);
    expect(before.json).toMatchObject({ revision });
    prove();
    await expect.poll(shown, soon).toMatchObject({ lag: 0 });
    expect(await applied()).toMatchObject({ complete: true, stragglers: [] });
  });

  it('makes no token where it is only asked what would happen', async () => {
    const { admin } = await startFleet();
    const dry = await admin.send('POST', '/nodes/join-tokens?dry_run=true', {});
    expect([dry.status, dry.text]).toEqual([400, expect.not.stringContaining('token')]);
  });

  it('makes tokens that let one node in, and revokes nodes', async () => {
    const { admin, plane } = await startFleet();
    const made = await admin.send('POST', '/nodes/join-tokens', { ttl_seconds: 60 });
    expect(made.status).toBe(201);
    expect(Number(made.json['expires_at'])).toBeLessThanOrEqual(Date.now() + 60_000);
    expect((await admin.send('POST', '/nodes/join-tokens', { ttl_seconds: 'ever' })).status).toBe(
      400,
    );
    const node = await startNode({ ...plane, token: async () => String(made.json['token']) });
    await node.link.whenCurrent();
    const path = `/nodes/${node.nodeId}`;
    const dry = await admin.send('DELETE', `${path}?dry_run=true`);
    expect(dry.json).toMatchObject({ dry_run: true, events: [{ type: 'NodeRevoked' }] });
    expect(node.link.status.isConnected).toBe(true);
    const stale = await admin.send('DELETE', path, undefined, { 'if-match': '"0"' });
    expect(stale.status).toBe(412);
    const key = { 'idempotency-key': 'once' };
    expect((await admin.send('DELETE', path, undefined, key)).status).toBe(204);
    expect((await admin.send('DELETE', path, undefined, key)).status).toBe(204);
    await expect.poll(() => node.link.status.isConnected, soon).toBe(false);
    expect((await admin.send('GET', '/nodes')).json).toEqual({ data: [], total: 0 });
    expect((await admin.send('DELETE', `/nodes/${node.nodeId}`)).status).toBe(404);
  });

  it('answers what a node served at a time', async () => {
    const { admin, plane } = await startFleet();
    const node = await startNode(plane);
    const first = await addApi(admin, '?wait=applied');
    const between = Date.now();
    await expect.poll(() => Date.now(), soon).toBeGreaterThan(between);
    const second = await addApi(admin, '?wait=applied');
    const servedAt = async (query: string) =>
      (await admin.send('GET', `/nodes/${node.nodeId}/served${query}`)).json?.['revision'];
    expect(await servedAt(`?at=${between}`)).toBe(Number(first.headers.get('signet-revision')));
    expect(await servedAt('')).toBe(Number(second.headers.get('signet-revision')));
    expect((await admin.send('GET', '/nodes/node-1/served?at=2001-01-01T00:00:00Z')).status).toBe(
      404,
    );
    expect((await admin.send('GET', '/nodes/node-1/served?at=soon')).status).toBe(400);
  });

  it('answers which certificate a node showed for a host, also where it rejected the newest', async () => {
    const { admin, plane, state } = await startFleet();
    let rejected: readonly RejectedEntry[] = [];
    await startNode(plane, { server: { applied: async () => rejected } });
    const ca = await TestCa.create();
    await admin.send('POST', '/apis', {
      name: 'a',
      request_host: 'a.test',
      upstream_url: 'http://u',
    });
    const served = async (query = '') =>
      (await admin.send('GET', `/nodes/node-1/served?host=A.test${query}`)).json;
    const bind = async (method: string, path: string, change: object = {}) => {
      const { cert, key, fingerprint256 } = await ca.issue(['a.test']);
      const body = { ...change, config: { cert, key } };
      const answer = await admin.send(method, `${path}?wait=applied`, body);
      return { path: `/apis/a/plugins/${answer.json['id']}`, fingerprint256, at: Date.now() };
    };
    const first = await bind('POST', '/apis/a/plugins', { name: 'ssl' });
    await expect.poll(() => Date.now(), soon).toBeGreaterThan(first.at);
    const second = await bind('PATCH', first.path);
    expect(await served()).toMatchObject({
      host: 'a.test',
      certificate: { fingerprint256: second.fingerprint256 },
      rejections: [],
    });
    // Which certificate it will be is not known before it is there.
    plane.control.onRecorded(() => {
      for (const { config } of state().plugins.values()) {
        rejected = [{ ...config, hosts: ['a.test'], reason: 'poison' }];
      }
    });
    for (const _ of ['one', 'another']) await bind('PATCH', first.path);
    expect(await served()).toMatchObject({
      certificate: { fingerprint256: second.fingerprint256 },
      rejected: 'poison',
    });
    expect(await served(`&at=${first.at}`)).toMatchObject({
      certificate: { fingerprint256: first.fingerprint256 },
    });
    expect(await served(`&at=${first.at}`)).not.toHaveProperty('rejected');
    expect((await admin.send('GET', '/nodes/node-1/served?host=')).status).toBe(400);
  });
});
