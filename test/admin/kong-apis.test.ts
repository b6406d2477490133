import { describe, expect, it } from 'vitest';
import {
  type AdminUnderTest,
  type Json,
  sharedAdmin,
  startAdmin,
} from '../support/admin-server.js';

const upstream_url = 'http://127.0.0.1:9000/x';
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const someId = '7b0bb1f5-5d1c-4a1e-8a4a-0a2a7b1c9d11';
const hostOrPath = "At least a 'request_host' or a 'request_path' must be specified";

/** Adds an API of that name and host. */
async function add(admin: AdminUnderTest, n: number | string, fields = {}): Promise<Json> {
  const body = { name: `n${n}`, request_host: `h${n}.test`, upstream_url, ...fields };
  const got = await admin.send('POST', '/apis', body);
  expect(got.status, got.text).toBe(201);
  return got.json;
}

describe('4.1 fields', () => {
  it('are filled with defaults; those without a value are left out', async () => {
    const admin = await startAdmin({ clock: () => 1_700_000_000_123 });
    const api = await add(admin, 1);
    expect(String(api['id'])).toMatch(uuid);
    expect(api).toEqual({
      id: api['id'],
      created_at: 1_700_000_000_123,
      name: 'n1',
      request_host: 'h1.test',
      upstream_url,
      strip_request_path: false,
      preserve_host: false,
    });
  });

  it('id and created_at are kept if the client gives them', async () => {
    const admin = await startAdmin();
    expect(await add(admin, 1, { id: someId.toUpperCase(), created_at: 5 })).toMatchObject({
      id: someId,
      created_at: 5,
    });
    const again = await admin.send('POST', '/apis', {
      id: someId,
      request_host: 'x',
      upstream_url,
    });
    expect(again.status).toBe(409);
  });
});

describe('4.2 name', () => {
  it.each([
    [{ request_host: '*.x.org' }, '-.x.org'],
    [{ request_host: 'x.org', request_path: '/p' }, 'x.org'],
    [{ request_path: '/a%20b/c' }, 'a-20b-c'],
    [{ request_path: '/status/' }, 'status-'],
  ])('is made of %j', async (fields, name) => {
    const admin = await startAdmin();
    const got = await admin.send('POST', '/apis', { upstream_url, ...fields });
    expect(got.json['name']).toBe(name);
  });

  it('is not empty for the path /', async () => {
    const admin = await startAdmin();
    const got = await admin.send('POST', '/apis', { upstream_url, request_path: '/' });
    expect(got.json).toMatchObject({ request_path: '/', name: expect.stringMatching(/./) });
  });

  it('holds only some characters', async () => {
    const admin = await startAdmin();
    const body = { name: 'a b', request_host: 'x', upstream_url };
    expect((await admin.send('POST', '/apis', body)).json).toEqual({
      name: "name must only contain alphanumeric and '., -, _, ~' characters",
    });
  });

  it('that looks like a UUID is never looked up', async () => {
    const admin = await startAdmin();
    await add(admin, 1, { name: someId });
    expect((await admin.send('GET', `/apis/${someId}`)).status).toBe(404);
  });
});

describe('4.3 required', () => {
  const shared = sharedAdmin();

  it.each([
    [
      {},
      {
        upstream_url: 'upstream_url is required',
        request_host: hostOrPath,
        request_path: hostOrPath,
      },
    ],
    [{ request_host: 'x' }, { upstream_url: 'upstream_url is required' }],
    [{ upstream_url }, { request_host: hostOrPath, request_path: hostOrPath }],
    [
      { upstream_url, request_host: ' ' },
      { request_host: hostOrPath, request_path: hostOrPath },
    ],
    [{ upstream_url: '', request_path: '/x' }, { upstream_url: 'upstream_url is required' }],
  ])('%j', async (body, errors) => {
    const admin = shared();
    const got = await admin.send('POST', '/apis', body);
    expect([got.status, got.json]).toEqual([400, errors]);
  });
});

describe('4.4 request_host', () => {
  const shared = sharedAdmin();

  it.each([
    ...['x.test', 'localhost', '-x.test', 'a_b.test', '127.0.0.1', 'x.1', 'X.Test', 'x--y.z'],
    ...['*.example.org', 'example.*', 'www.example.*'],
  ])('takes %s as given', async (host) => {
    const admin = shared();
    expect((await add(admin, 1, { request_host: host }))['request_host']).toBe(host);
  });

  it.each([
    ['.x', 'Invalid value: .x'],
    ['x.', 'Invalid value: x.'],
    ['x..y', 'Invalid value: x..y'],
    ['x-.y', 'Invalid value: x-.y'],
    ['x:80', 'Invalid value: x:80'],
    ['http://x', 'Invalid value: http://x'],
    ['x y', 'Invalid value: x y'],
    ['é.x', 'Invalid value: é.x'],
    ['*', 'Invalid wildcard placement: *'],
    ['*x.org', 'Invalid wildcard placement: *x.org'],
    ['a.*.org', 'Invalid wildcard placement: a.*.org'],
    ['.*', 'Invalid wildcard placement: .*'],
    ['*.x.*', 'Only one wildcard is allowed: *.x.*'],
    ['**.x', 'Only one wildcard is allowed: **.x'],
  ])('refuses %s', async (host, message) => {
    const admin = shared();
    const got = await admin.send('POST', '/apis', { request_host: host, upstream_url });
    expect([got.status, got.json]).toEqual([400, { request_host: message }]);
  });
});

describe('4.5 request_path', () => {
  const shared = sharedAdmin();

  it.each([
    ['/', '/'],
    ['/status/', '/status'],
    ['/a/b.c-d_e~f%20', '/a/b.c-d_e~f%20'],
  ])('takes %s as %s', async (path, stored) => {
    const admin = shared();
    const got = await admin.send('POST', '/apis', { request_path: path, upstream_url });
    expect(got.json['request_path']).toBe(stored);
  });

  it.each([
    ['x', "must be prefixed with slash: 'x'"],
    ['/x//y', "invalid: '/x//y'"],
    ['/x y', "must only contain alphanumeric and '., -, _, ~, /, %' characters"],
    ['/x%', "must use proper encoding; '%' is invalid"],
    ['/x%2', "must use proper encoding; '%2' is invalid"],
    ['/x%20%zz%', "must use proper encoding; '%zz' is invalid"],
  ])('refuses %s', async (path, message) => {
    const admin = shared();
    const got = await admin.send('POST', '/apis', { request_path: path, upstream_url });
    expect([got.status, got.json]).toEqual([400, { request_path: message }]);
  });
});

describe('4.6 upstream_url', () => {
  const shared = sharedAdmin();

  it.each(['http://x', 'HTTPS://X:1/y/', 'http://[::1]:80'])('takes %s as given', async (url) => {
    const admin = shared();
    expect((await add(admin, 1, { upstream_url: url }))['upstream_url']).toBe(url);
  });

  it.each([
    ['x', 'upstream_url is not a url'],
    ['/x', 'upstream_url is not a url'],
    ['http://', 'upstream_url is not a url'],
    ['http:///x', 'upstream_url is not a url'],
    ['http://x y', 'upstream_url is not a url'],
    ['ftp://x', 'Supported protocols are HTTP and HTTPS'],
  ])('refuses %s', async (url, message) => {
    const admin = shared();
    const got = await admin.send('POST', '/apis', { request_host: 'x', upstream_url: url });
    expect([got.status, got.json]).toEqual([400, { upstream_url: message }]);
  });
});

describe('4.7 other errors', () => {
  const shared = sharedAdmin();

  it('are reported together, and change nothing', async () => {
    const admin = shared();
    const body = { foo: 1, request_host: 'a..b', upstream_url: 'x', preserve_host: 'maybe' };
    const got = await admin.send('POST', '/apis', body);
    expect([got.status, got.json]).toEqual([
      400,
      {
        foo: 'foo is an unknown field',
        request_host: 'Invalid value: a..b',
        upstream_url: 'upstream_url is not a url',
        preserve_host: 'preserve_host is not a boolean',
      },
    ]);
    expect((await admin.send('GET', '/apis')).json).toEqual({ data: [], total: 0 });
  });
});

describe('4.8 uniqueness', () => {
  it.each(['POST', 'PUT', 'PATCH'])('holds for %s', async (method) => {
    const admin = await startAdmin();
    await add(admin, 1, { request_path: '/p' });
    await add(admin, 2);
    const [path, body] =
      method === 'PATCH' ? ['/apis/n2', {}] : ['/apis', { request_host: 'x.test', upstream_url }];
    for (const [field, value] of [
      ['name', 'n1'],
      ['request_host', 'h1.test'],
      ['request_path', '/p'],
    ] as const) {
      const got = await admin.send(method, path, { ...body, [field]: value });
      expect([got.status, got.json]).toEqual([
        409,
        { [field]: `already exists with value '${value}'` },
      ]);
    }
  });

  it('does not hold against itself, and ends with a change or a deletion', async () => {
    const admin = await startAdmin();
    await add(admin, 1);
    const self = { name: 'n1', request_host: 'h1.test' };
    expect((await admin.send('PATCH', '/apis/n1', self)).status).toBe(200);
    await admin.send('PATCH', '/apis/n1', { request_host: 'moved.test' });
    await add(admin, 2, { request_host: 'h1.test' });
    await admin.send('DELETE', '/apis/n2');
    await add(admin, 3, { request_host: 'h1.test', name: 'n2' });
  });

  it('of many requests at the same time for one value lets exactly one through', async () => {
    const admin = await startAdmin();
    const attempts = Array.from({ length: 20 }, (_, n) =>
      admin.send('POST', '/apis', { name: `n${n}`, request_host: 'same.test', upstream_url }),
    );
    const statuses = (await Promise.all(attempts)).map(({ status }) => status).sort();
    expect(statuses).toEqual([201, ...Array<number>(19).fill(409)]);
  });
});

describe('5.2 one API', () => {
  it('is found by id or name, never by host or path', async () => {
    const admin = await startAdmin();
    const api = await add(admin, 1, { request_path: '/p' });
    for (const key of [api['id'], String(api['id']).toUpperCase(), 'n1']) {
      expect((await admin.send('GET', `/apis/${key}`)).json).toEqual(api);
    }
    for (const key of ['h1.test', 'p', '%2Fp', someId]) {
      expect((await admin.send('GET', `/apis/${key}`)).status).toBe(404);
    }
  });
});

describe('5.3 lists and pages', () => {
  it('go through everything once, the last page without offset and next', async () => {
    const admin = await startAdmin();
    for (let n = 0; n < 7; n++) await add(admin, n);
    const seen: string[] = [];
    let path: string | undefined = '/apis?size=3';
    for (let pages = 1; path !== undefined; pages++) {
      const { json, status } = await admin.send('GET', path);
      expect(status).toBe(200);
      expect(json['total']).toBe(7);
      const names = Object.values(json['data'] ?? {}).map((each) => String(each['name']));
      expect(names).toHaveLength(pages === 3 ? 1 : 3);
      seen.push(...names);
      const next = json['next'] === undefined ? undefined : String(json['next']);
      expect(json['offset'] === undefined).toBe(next === undefined);
      expect(next === undefined || next.startsWith(`${admin.url}/apis?`)).toBe(true);
      path = next?.slice(admin.url.length);
    }
    expect(seen.sort()).toEqual(['n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6']);
  });

  it('are empty in one form only', async () => {
    const admin = await startAdmin();
    for (const path of ['/apis', '/plugins', '/apis?name=x', '/apis?size=5']) {
      expect((await admin.send('GET', path)).json).toEqual({ data: [], total: 0 });
    }
  });

  it('take 100 entities, also for a size that is no number', async () => {
    const admin = await startAdmin();
    await Promise.all(Array.from({ length: 101 }, (_, n) => add(admin, n)));
    for (const path of ['/apis', '/apis?size=x']) {
      expect(Object.keys((await admin.send('GET', path)).json['data'] ?? {})).toHaveLength(100);
    }
  });

  it('can be filtered by any field, several together, kept in next', async () => {
    const admin = await startAdmin();
    const api = await add(admin, 1, { preserve_host: true });
    await add(admin, 2, { preserve_host: true });
    await add(admin, 3);
    const total = async (query: string) =>
      (await admin.send('GET', `/apis?${query}`)).json['total'];
    expect(await total('name=n1')).toBe(1);
    expect(await total(`id=${api['id']}`)).toBe(1);
    expect(await total('request_host=h2.test')).toBe(1);
    expect(await total('request_host=H2.test')).toBe(0);
    expect(await total(`upstream_url=${encodeURIComponent(upstream_url)}`)).toBe(3);
    expect(await total('preserve_host=true')).toBe(2);
    expect(await total('preserve_host=true&name=n3')).toBe(0);
    const page = await admin.send('GET', '/apis?preserve_host=true&size=1');
    const next = String(page.json['next']).slice(admin.url.length);
    expect((await admin.send('GET', next)).json).toMatchObject({ total: 2 });
  });

  it('refuse filters on what is no field, or no UUID', async () => {
    const admin = await startAdmin();
    const foo = await admin.send('GET', '/apis?foo=1');
    expect([foo.status, foo.json]).toEqual([400, { foo: 'unknown field' }]);
    const id = await admin.send('GET', '/apis?id=abc');
    expect([id.status, id.json]).toEqual([400, { id: 'abc is not a valid uuid' }]);
    expect((await admin.send('GET', '/plugins?config=x')).status).toBe(400);
  });
});

describe('5.4 PATCH', () => {
  it('changes the given fields and keeps the rest', async () => {
    const admin = await startAdmin();
    const api = await add(admin, 1, { request_path: '/p', strip_request_path: true });
    const got = await admin.send('PATCH', '/apis/n1', { request_host: 'new.test' });
    expect([got.status, got.json]).toEqual([200, { ...api, request_host: 'new.test' }]);
    const form = await admin.send('PATCH', '/apis/n1', new URLSearchParams({ name: 'renamed' }));
    expect(form.json['name']).toBe('renamed');
    expect((await admin.send('GET', '/apis/n1')).status).toBe(404);
    expect((await admin.send('GET', '/apis/renamed')).status).toBe(200);
  });

  it('takes back what GET returned', async () => {
    const admin = await startAdmin();
    const api = await add(admin, 1);
    const got = await admin.send('PATCH', '/apis/n1', api);
    expect([got.status, got.json]).toEqual([200, api]);
  });

  it('refuses an empty body, a bad result, another id, and unsetting', async () => {
    const admin = await startAdmin();
    await add(admin, 1);
    const expectations = [
      [{}, 400, { message: 'empty body' }],
      [{ request_host: 'a..b' }, 400, { request_host: 'Invalid value: a..b' }],
      [{ foo: 'x' }, 400, { foo: 'foo is an unknown field' }],
      [{ request_host: null }, 400, { request_host: 'request_host is not a string' }],
      [{ request_host: '' }, 400, { request_host: hostOrPath, request_path: hostOrPath }],
      [{ upstream_url: '' }, 400, { upstream_url: 'upstream_url cannot be unset' }],
      [{ id: someId }, 400, { id: 'id cannot be changed' }],
    ] as const;
    for (const [body, status, json] of expectations) {
      const got = await admin.send('PATCH', '/apis/n1', body);
      expect([body, got.status, got.json]).toEqual([body, status, json]);
    }
    expect((await admin.send('PATCH', '/apis/none', {})).status).toBe(404);
  });
});

describe('5.6 PUT', () => {
  it('creates without an id', async () => {
    const admin = await startAdmin();
    const body = { name: 'x', request_host: 'x.test', upstream_url };
    expect((await admin.send('PUT', '/apis', body)).status).toBe(201);
    expect((await admin.send('PUT', '/apis', body)).status).toBe(409);
    expect((await admin.send('PUT', '/apis', {})).json).toMatchObject({ request_host: hostOrPath });
  });

  it('replaces completely with an id; created_at stays unless given', async () => {
    const admin = await startAdmin();
    const api = await add(admin, 1, { request_path: '/p', preserve_host: true });
    const body = { id: api['id'], request_path: '/q', upstream_url: 'http://other' };
    const got = await admin.send('PUT', '/apis', body);
    expect([got.status, got.json]).toEqual([
      200,
      {
        ...body,
        created_at: api['created_at'],
        name: 'q',
        strip_request_path: false,
        preserve_host: false,
      },
    ]);
    expect((await admin.send('PUT', '/apis', { ...body, created_at: 7 })).json['created_at']).toBe(
      7,
    );
    expect((await admin.send('GET', '/apis')).json['total']).toBe(1);
  });

  it('answers 404 for an id that nobody has', async () => {
    const admin = await startAdmin();
    const body = { id: someId, request_host: 'x.test', upstream_url };
    expect((await admin.send('PUT', '/apis', body)).status).toBe(404);
    expect((await admin.send('GET', '/apis')).json['total']).toBe(0);
  });
});

describe('5.7 DELETE', () => {
  it('takes everything of the API along', async () => {
    const admin = await startAdmin();
    await add(admin, 1);
    const got = await admin.send('DELETE', '/apis/n1');
    expect([got.status, got.text, got.headers.get('content-type')]).toEqual([204, '', null]);
    for (const path of ['/apis/n1', '/apis/n1/plugins']) {
      expect((await admin.send('GET', path)).status).toBe(404);
    }
    expect((await admin.send('DELETE', '/apis/n1')).status).toBe(404);
  });
});
