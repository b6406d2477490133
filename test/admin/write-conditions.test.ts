import { describe, expect, it } from 'vitest';
import { revision } from '../../shared/revision.js';
import { type AdminUnderTest, startAdmin } from '../support/admin-server.js';
import { keysIn, openStores } from '../support/control-plane.js';
import { makePairs } from '../support/pairs.js';

const { a, b } = makePairs();
const upstream_url = 'http://127.0.0.1:9000';
const api = { name: 'x', request_host: 'a.test', upstream_url };
const ssl = { name: 'ssl', config: { cert: a.cert, key: a.key } };
const keyed = (key: string) => ({ 'idempotency-key': key });

async function addApi(admin: AdminUnderTest) {
  const got = await admin.send('POST', '/apis', api);
  expect(got.status).toBe(201);
  return got;
}

describe('every write', () => {
  it('tells its revision, and the entity tag', async () => {
    const admin = await startAdmin();
    const added = await addApi(admin);
    expect(added.headers.get('signet-revision')).toBe('0');
    expect(added.headers.get('etag')).toBe('"0"');
    const plugin = await admin.send('POST', '/apis/x/plugins', ssl);
    expect(plugin.headers.get('signet-revision')).toBe('2');
    expect(plugin.headers.get('etag')).toBe('"2"');
    expect((await admin.send('GET', '/apis/x')).headers.get('etag')).toBe('"0"');
    const deleted = await admin.send('DELETE', '/apis/x');
    expect(deleted.headers.get('signet-revision')).toBe('4');
  });
});

describe('If-Match', () => {
  it('lets a write through that knows the latest change, and no other', async () => {
    const admin = await startAdmin();
    const tag = (await addApi(admin)).headers.get('etag') ?? '';
    await admin.send('POST', '/apis', { ...api, name: 'y', request_host: 'y.test' });
    const first = await admin.send(
      'PATCH',
      '/apis/x',
      { preserve_host: true },
      { 'if-match': tag },
    );
    expect(first.status).toBe(200);
    const stale = await admin.send('PATCH', '/apis/x', { name: 'z' }, { 'if-match': tag });
    expect(stale.status).toBe(412);
    expect((await admin.send('DELETE', '/apis/x', undefined, { 'if-match': tag })).status).toBe(
      412,
    );
    const known = `"7", ${first.headers.get('etag')}`;
    expect((await admin.send('DELETE', '/apis/x', undefined, { 'if-match': known })).status).toBe(
      204,
    );
  });

  it('never matches weak tags, takes *, and refuses what is no tag', async () => {
    const admin = await startAdmin();
    await addApi(admin);
    const send = (header: string) =>
      admin.send('PATCH', '/apis/x', { preserve_host: true }, { 'if-match': header });
    expect((await send('W/"0"')).status).toBe(412);
    expect((await send('0')).status).toBe(400);
    expect((await send('*')).status).toBe(200);
  });

  it('of a creation is compared with the head', async () => {
    const admin = await startAdmin();
    await addApi(admin);
    const other = { ...api, name: 'y', request_host: 'y.test' };
    expect((await admin.send('POST', '/apis', other, { 'if-match': '"1"' })).status).toBe(412);
    const tag = (await admin.send('GET', '/apis')).headers.get('etag') ?? '';
    expect((await admin.send('POST', '/apis', other, { 'if-match': tag })).status).toBe(201);
    for (const path of ['/apis', '/plugins', '/apis/x/plugins']) {
      expect((await admin.send('GET', path)).headers.get('etag')).toBe('"1"');
    }
  });

  it('of many at the same time lets exactly one through', async () => {
    const admin = await startAdmin();
    const tag = (await addApi(admin)).headers.get('etag') ?? '';
    const attempts = Array.from({ length: 10 }, (_, n) =>
      admin.send('PATCH', '/apis/x', { name: `n${n}` }, { 'if-match': tag }),
    );
    const statuses = (await Promise.all(attempts)).map(({ status }) => status).sort();
    // Those that came after the renaming no longer find the name.
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status !== 200).every((s) => s === 412 || s === 404)).toBe(
      true,
    );
  });
});

describe('Idempotency-Key', () => {
  it('gives the same answer and one event, whatever happened since', async () => {
    const admin = await startAdmin();
    const added = await admin.send('POST', '/apis', api, keyed('add'));
    const plugin = await admin.send('POST', '/apis/x/plugins', ssl, keyed('bind'));
    const path = `/apis/x/plugins/${plugin.json['id']}`;
    await admin.send('PATCH', path, { config: { cert: b.cert, key: b.key } });
    const deleted = await admin.send('DELETE', path, undefined, keyed('unbind'));
    await admin.send('DELETE', '/apis/x');
    const { head } = admin.plane.folded;
    const repeats = [
      [added, await admin.send('POST', '/apis', api, keyed('add'))],
      [plugin, await admin.send('POST', '/apis/x/plugins', ssl, keyed('bind'))],
      [deleted, await admin.send('DELETE', path, undefined, keyed('unbind'))],
    ] as const;
    for (const [first, again] of repeats) {
      expect([again.status, again.text]).toEqual([first.status, first.text]);
      expect(again.headers.get('signet-revision')).toBe(first.headers.get('signet-revision'));
      expect(again.headers.get('idempotency-replayed')).toBe('true');
    }
    expect(admin.plane.folded.head).toBe(head);
    await admin.plane.handler.idle();
  });

  it('holds for requests at the same time, after a restart, and on another control plane', async () => {
    const stores = await openStores();
    const planes = [await startAdmin({}, stores), await startAdmin({}, stores)] as const;
    const attempts = Array.from({ length: 10 }, (_, n) =>
      planes[n % 2]?.send('POST', '/apis', api, keyed('k')),
    );
    const answers = await Promise.all(attempts);
    expect(new Set(answers.map((each) => `${each?.status} ${each?.text}`)).size).toBe(1);
    await planes[0].close();
    const restarted = await startAdmin({}, stores);
    expect((await restarted.send('POST', '/apis', api, keyed('k'))).text).toBe(answers[0]?.text);
    expect(await stores.log.head()).toBe(0);
  });

  it('does not care about the form of the body', async () => {
    const admin = await startAdmin();
    const first = await admin.send('POST', '/apis', api, keyed('k'));
    const again = await admin.send('POST', '/apis', new URLSearchParams(api), keyed('k'));
    expect(again.text).toBe(first.text);
  });

  it('stands for one request only', async () => {
    const admin = await startAdmin();
    await admin.send('POST', '/apis', api, keyed('k'));
    const other = await admin.send('POST', '/apis', { ...api, name: 'y' }, keyed('k'));
    expect(other.status).toBe(422);
    const odd = await admin.send('POST', '/apis', api, keyed('x y'));
    expect(odd.status).toBe(400);
  });

  it('gives the same answer where nothing was to be changed, whatever happened since', async () => {
    const admin = await startAdmin();
    await addApi(admin);
    const bound = await admin.send('POST', '/apis/x/plugins', ssl);
    const path = `/plugins/${bound.json['id']}`;
    const attempt = () => admin.send('PATCH', path, { enabled: true }, keyed('k'));
    const back = () => admin.send('POST', '/rollback', { revision: 2 }, keyed('back'));
    const firsts = [await attempt(), await back()];
    const { head } = admin.plane.folded;
    expect(head).toBe(4);
    await admin.send('PATCH', path, { enabled: false, config: { cert: b.cert, key: b.key } });
    for (const [index, first] of firsts.entries()) {
      const again = await [attempt, back][index]?.();
      expect(first.status).toBe(200);
      expect([again?.status, again?.text]).toEqual([200, first.text]);
      for (const name of ['etag', 'signet-revision']) {
        expect(again?.headers.get(name)).toBe(first.headers.get(name));
      }
    }
    const other = await admin.send('PATCH', path, { enabled: false }, keyed('k'));
    expect(other.status).toBe(422);
    const events = await admin.send('GET', '/events?type=NothingChanged');
    expect(events.json['data']).toMatchObject([{ revision: 3, data: {} }, { revision: 4 }]);
  });

  it('leaves no event without need', async () => {
    const admin = await startAdmin();
    await addApi(admin);
    expect((await admin.send('PATCH', '/apis/x', { name: 'x' })).status).toBe(200);
    expect(admin.plane.folded.head).toBe(0);
  });

  it('repeats the entity tag of then, which no longer matches', async () => {
    const admin = await startAdmin();
    await addApi(admin);
    const rename = () => admin.send('PATCH', '/apis/x', { preserve_host: true }, keyed('k'));
    const tag = (await rename()).headers.get('etag') ?? '';
    await admin.send('PATCH', '/apis/x', { strip_request_path: true });
    const again = await rename();
    expect(again.headers.get('etag')).toBe(tag);
    expect(again.json['strip_request_path']).toBe(false);
    const stale = await admin.send('PATCH', '/apis/x', { name: 'z' }, { 'if-match': tag });
    expect(stale.status).toBe(412);
  });

  it('does not care how long the caller waits for the nodes', async () => {
    const nobody = { isApplied: true, applied: [], stragglers: [], rejections: [] };
    const whenApplied = async () => ({ revision: revision(0), ...nobody });
    const admin = await startAdmin({ whenApplied });
    const first = await admin.send('POST', '/apis?wait=applied', api, keyed('k'));
    for (const query of ['', '?wait=quorum', '?wait=applied&wait_timeout_ms=5']) {
      const again = await admin.send('POST', `/apis${query}`, api, keyed('k'));
      expect([again.status, again.text]).toEqual([first.status, first.text]);
      expect(again.headers.has('signet-applied')).toBe(query !== '');
    }
    expect(admin.plane.folded.head).toBe(0);
    const other = await admin.send('POST', '/apis?allow_expired=true', api, keyed('k'));
    expect(other.status).toBe(422);
  });

  it('of a refused request may be used again', async () => {
    const admin = await startAdmin();
    expect((await admin.send('POST', '/apis', { name: 'x' }, keyed('k'))).status).toBe(400);
    expect((await admin.send('POST', '/apis', api, keyed('k'))).status).toBe(201);
  });

  it('holds for a rollback', async () => {
    const admin = await startAdmin();
    await addApi(admin);
    await admin.send('DELETE', '/apis/x');
    const first = await admin.send('POST', '/rollback', { revision: 0 }, keyed('k'));
    const again = await admin.send('POST', '/rollback', { revision: 0 }, keyed('k'));
    expect(again.text).toBe(first.text);
    expect(admin.plane.folded.head).toBe(2);
  });
});

describe('dry_run', () => {
  it('tells events and bindings, and records nothing', async () => {
    const admin = await startAdmin();
    await addApi(admin);
    const got = await admin.send('POST', '/apis/x/plugins?dry_run=true', ssl);
    expect(got.status).toBe(200);
    expect(got.json).toMatchObject({
      dry_run: true,
      accepted: true,
      events: [{ type: 'CertUploaded' }, { type: 'PluginAdded' }],
      bindings: [
        { request_host: 'a.test', before: null, after: { fingerprint256: expect.any(String) } },
      ],
      collisions: [],
      hosts_losing_cover: [],
      warnings: [],
    });
    expect(got.text).not.toContain('PRIVATE KEY');
    expect(admin.plane.folded.head).toBe(revision(0));
    expect(await keysIn(admin.plane.vault)).toEqual([]);
  });

  it('tells collisions, refusals, warnings, and hosts that would lose cover', async () => {
    const admin = await startAdmin();
    await addApi(admin);
    const collision = await admin.send('POST', '/apis?dry_run=true', api);
    expect(collision.json).toMatchObject({
      accepted: false,
      refusal: { status: 409, body: { name: "already exists with value 'x'" } },
      collisions: [
        { field: 'name', value: 'x' },
        { field: 'request_host', value: 'a.test' },
      ],
    });
    await admin.send('POST', '/apis/x/plugins', ssl);
    const deletion = await admin.send('DELETE', '/apis/x?dry_run=true');
    expect(deletion.json).toMatchObject({
      events: [{ type: 'PluginDeleted' }, { type: 'ApiDeleted' }],
      hosts_losing_cover: ['a.test'],
    });
    const id = (await admin.send('GET', '/plugins')).json['data']?.[0]?.['id'];
    const config = { cert: b.cert, key: b.key };
    const rotation = await admin.send('PATCH', `/plugins/${id}?dry_run=true`, { config });
    expect(rotation.json['warnings']).toEqual([
      'the certificate does not cover a.test; it covers b.test',
    ]);
    expect((await admin.send('GET', '/apis/x')).status).toBe(200);
  });

  it('tells that the condition is not met', async () => {
    const admin = await startAdmin();
    const tag = (await addApi(admin)).headers.get('etag') ?? '';
    const dry = (header: string) =>
      admin.send('PATCH', '/apis/x?dry_run=true', { name: 'z' }, { 'if-match': header });
    expect((await dry(tag)).json).toMatchObject({ accepted: true });
    expect((await dry('"7"')).json).toMatchObject({ accepted: false, refusal: { status: 412 } });
  });

  it('refuses at once what is no request at all', async () => {
    const admin = await startAdmin();
    expect((await admin.send('POST', '/apis?dry_run=true', {})).status).toBe(400);
    expect((await admin.send('DELETE', '/apis/none?dry_run=true')).status).toBe(404);
  });

  it('for all APIs tells every host that differs', async () => {
    const admin = await startAdmin();
    await addApi(admin);
    await admin.send('POST', '/apis', { ...api, name: 'y', request_host: 'y.test' });
    await admin.send('POST', '/apis/x/plugins', ssl);
    const shared = { name: 'ssl', config: { cert: b.cert, key: b.key } };
    const got = await admin.send('POST', '/plugins?dry_run=true', shared);
    expect(got.json['bindings']).toMatchObject([{ request_host: 'y.test' }]);
  });
});
