import { describe, expect, it } from 'vitest';
import { KeyErasure } from '../../control-plane/application/key-erasure.js';
import { type AdminUnderTest, startAdmin } from '../support/admin-server.js';
import { silentLogger } from '../support/control-plane.js';
import { makePairs } from '../support/pairs.js';

const { a, b } = makePairs();
const upstream_url = 'http://127.0.0.1:9000';
const start = Date.parse('2026-11-01T00:00:00Z');

/** A clock that goes on a minute with each look, and an API `x` rotated once. */
async function startStory() {
  let now = start;
  const clock = () => {
    now += 60_000;
    return now;
  };
  const admin = await startAdmin({ clock, allowExpiredCertificates: true });
  await admin.send('POST', '/apis', { name: 'x', request_host: 'a.test', upstream_url });
  const ssl = { name: 'ssl', config: { cert: a.cert, key: a.key } };
  const plugin = await admin.send('POST', '/apis/x/plugins', ssl);
  const path = `/apis/x/plugins/${plugin.json['id']}`;
  await admin.send('PATCH', path, { config: { cert: b.cert, key: b.key } });
  return { admin, path };
}

async function bound(admin: AdminUnderTest, host: string, query = '') {
  const { json } = await admin.send('GET', `/hosts/${host}/certificate${query}`);
  return Object.values(json['certificate']?.['names'] ?? {})[0];
}

describe('GET /hosts/{host}/certificate', () => {
  it('says who was bound to what, when, by whom', async () => {
    const { admin } = await startStory();
    const got = await admin.send('GET', '/hosts/A.test./certificate?revision=2');
    expect(got.json).toMatchObject({
      host: 'a.test',
      revision: 2,
      request_host: 'a.test',
      api: { name: 'x' },
      certificate: { names: ['a.test'], key_algorithm: 'p-256' },
      bound: { revision: 2, actor: 'tester', time: expect.stringMatching(/^2026-11-01T/) },
    });
    expect(got.headers.get('etag')).toBe('"2"');
    expect(await bound(admin, 'a.test')).toBe('b.test');
    expect(await bound(admin, 'a.test', '?revision=0')).toBeUndefined();
    expect(await bound(admin, 'other.test')).toBeUndefined();
  });

  it('takes a time', async () => {
    const { admin } = await startStory();
    const events = await admin.send('GET', '/events');
    const times = Object.values(events.json['data'] ?? {}).map((each) => String(each['time']));
    expect(await bound(admin, 'a.test', `?at=${times[2]}`)).toBe('a.test');
    expect(await bound(admin, 'a.test', `?at=${Date.parse(times[4] ?? '')}`)).toBe('b.test');
    expect(await bound(admin, 'a.test', '?at=2030-01-01T00:00:00Z')).toBe('b.test');
    expect((await admin.send('GET', '/hosts/a.test/certificate?at=2020-01-01')).status).toBe(404);
  });

  it('looks for wildcards as requests are routed', async () => {
    const { admin } = await startStory();
    const ssl = { name: 'ssl', config: { cert: a.cert, key: a.key } };
    await admin.send('POST', '/apis', { name: 'w', request_host: '*.w.test', upstream_url });
    await admin.send('POST', '/apis/w/plugins', ssl);
    await admin.send('POST', '/apis', { name: 'e', request_host: 'e.w.test', upstream_url });
    const got = await admin.send('GET', '/hosts/p.q.w.test/certificate');
    expect(got.json).toMatchObject({ request_host: '*.w.test', api: { name: 'w' } });
    expect(await bound(admin, 'e.w.test')).toBeUndefined();
    expect(await bound(admin, 'w.test')).toBeUndefined();
  });

  it('refuses what it cannot read, and what is not there', async () => {
    const { admin } = await startStory();
    for (const [query, status] of [
      ['?revision=x', 400],
      ['?at=yesterday', 400],
      ['?revision=1&at=2026-11-01', 400],
      ['?revision=99', 404],
    ] as const) {
      const got = await admin.send('GET', `/hosts/a.test/certificate${query}`);
      expect([query, got.status]).toEqual([query, status]);
      expect(got.headers.get('content-type')).toBe('application/problem+json');
    }
  });
});

describe('GET /state', () => {
  it('shows the whole configuration as it was', async () => {
    const { admin, path } = await startStory();
    const then = await admin.send('GET', '/state');
    await admin.send('DELETE', '/apis/x');
    await admin.send('POST', '/apis', { name: 'y', request_host: 'y.test', upstream_url });
    const now = await admin.send('GET', '/state');
    expect(Object.values(now.json['apis'] ?? {}).map((each) => each['name'])).toEqual(['y']);
    expect(now.json['plugins']).toEqual([]);
    const again = await admin.send('GET', '/state?revision=4');
    expect(again.json).toEqual(then.json);
    expect(again.json).toMatchObject({
      revision: 4,
      apis: [{ name: 'x', request_host: 'a.test' }],
      plugins: [{ id: path.split('/').at(-1), only_https: false }],
    });
    expect((await admin.send('GET', '/state?revision=0')).json['plugins']).toEqual([]);
    expect(again.text).not.toContain('PRIVATE KEY');
  });
});

describe('POST /rollback', () => {
  it('binds the former certificate again, by forward events', async () => {
    const { admin, path } = await startStory();
    const got = await admin.send('POST', '/rollback', { revision: 2 });
    expect([got.status, got.headers.get('signet-revision')]).toEqual([200, '5']);
    expect(got.json).toMatchObject({ restored: 2, events: [{ type: 'PluginUpdated' }] });
    expect((await admin.send('GET', path)).json['config']?.['cert']).toBe(a.cert);
    expect(await bound(admin, 'a.test')).toBe('a.test');
  });

  it('takes one API or one host, by name, id or time', async () => {
    const { admin } = await startStory();
    const id = (await admin.send('GET', '/apis/x')).json['id'];
    await admin.send('POST', '/apis', { name: 'y', request_host: 'y.test', upstream_url });
    await admin.send('DELETE', '/apis/x');
    const host = await admin.send('POST', '/rollback', { revision: 0, host: 'A.test' });
    expect(host.json['events']).toMatchObject([{ type: 'ApiAdded' }]);
    await admin.send('DELETE', '/apis/x');
    for (const api of ['x', id]) {
      const form = new URLSearchParams({ revision: '0', api: String(api) });
      expect((await admin.send('POST', '/rollback', form)).status).toBe(200);
    }
    expect((await admin.send('GET', '/apis')).json['total']).toBe(2);
    const byTime = { at: '2030-01-01T00:00:00Z' };
    expect((await admin.send('POST', '/rollback', byTime)).json['events']).toEqual([]);
  });

  it('is refused with the reason where a key was erased', async () => {
    const { admin } = await startStory();
    const erasure = new KeyErasure({
      ...admin.plane,
      clock: Date.now,
      logger: silentLogger,
      replacedKeyRetentionMs: 0,
    });
    await erasure.idle();
    await erasure.stop();
    const got = await admin.send('POST', '/rollback', { revision: 2 });
    expect(got.status).toBe(409);
    expect(got.json).toMatchObject({
      type: 'urn:signet:problem:key-erased',
      title: 'Conflict',
      detail: expect.stringContaining('upload a certificate'),
      lost: [{ request_host: 'a.test', fingerprint256: expect.stringMatching(/^[0-9a-f]{64}$/) }],
    });
    const shown = await admin.send('GET', '/hosts/a.test/certificate?revision=2');
    expect(shown.json['certificate']?.['key_erased']).toBe(true);
  });

  it('refuses what it cannot read, and what never was', async () => {
    const { admin } = await startStory();
    for (const [body, status] of [
      [{}, 400],
      [{ revision: 'x' }, 400],
      [{ revision: 1, foo: 1 }, 400],
      [{ revision: 1, api: 'x', host: 'a.test' }, 400],
      [{ revision: 99 }, 404],
      [{ revision: 1, api: 'none' }, 404],
      [{ revision: 1, host: 'none.test' }, 404],
    ] as const) {
      const got = await admin.send('POST', '/rollback', body);
      expect([body, got.status]).toEqual([body, status]);
      expect(got.headers.get('content-type')).toBe('application/problem+json');
    }
  });

  it('can be tried out first', async () => {
    const { admin } = await startStory();
    const got = await admin.send('POST', '/rollback?dry_run=true', { revision: 0 });
    expect(got.json).toMatchObject({
      dry_run: true,
      accepted: true,
      events: [{ type: 'PluginDeleted' }],
      bindings: [{ request_host: 'a.test', after: null }],
      hosts_losing_cover: ['a.test'],
    });
    expect(admin.plane.folded.head).toBe(4);
  });
});
