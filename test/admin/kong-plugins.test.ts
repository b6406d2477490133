import { describe, expect, it } from 'vitest';
import { revision } from '../../shared/revision.js';
import { type AdminUnderTest, type Json, startAdmin } from '../support/admin-server.js';
import { keysIn } from '../support/control-plane.js';
import { makePairs } from '../support/pairs.js';

const { a, b, renewed } = makePairs();
const upstream_url = 'http://127.0.0.1:9000';
const someId = '7b0bb1f5-5d1c-4a1e-8a4a-0a2a7b1c9d11';
const ssl = { name: 'ssl', config: { cert: a.cert, key: a.key } };

/** An admin server with the API `x`, and `y`. */
async function startWithApi(): Promise<{ admin: AdminUnderTest; api: Json }> {
  const admin = await startAdmin();
  const api = await admin.send('POST', '/apis', {
    name: 'x',
    request_host: 'a.test',
    upstream_url,
  });
  await admin.send('POST', '/apis', { name: 'y', request_host: 'y.test', upstream_url });
  return { admin, api: api.json };
}

async function startWithPlugin() {
  const { admin, api } = await startWithApi();
  const plugin = await admin.send('POST', '/apis/x/plugins', ssl);
  expect(plugin.status, plugin.text).toBe(201);
  return { admin, api, plugin: plugin.json, path: `/apis/x/plugins/${plugin.json['id']}` };
}

describe('6.1 fields', () => {
  it('are filled with defaults, and api_id comes from the path', async () => {
    const { admin, api } = await startWithApi();
    const got = await admin.send('POST', '/apis/x/plugins', { ...ssl, api_id: undefined });
    expect(got.json).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      created_at: expect.any(Number),
      api_id: api['id'],
      name: 'ssl',
      config: {
        cert: a.cert,
        key: '[sealed]',
        only_https: false,
        accept_http_if_already_terminated: false,
      },
      enabled: true,
    });
  });

  it('id and created_at are kept if the client gives them', async () => {
    const { admin } = await startWithApi();
    const got = await admin.send('POST', '/apis/x/plugins', { ...ssl, id: someId, created_at: 5 });
    expect(got.json).toMatchObject({ id: someId, created_at: 5 });
  });
});

describe('6.2 endpoints', () => {
  it('show a plugin in all its places', async () => {
    const { admin, plugin, path } = await startWithPlugin();
    const page = { data: [plugin], total: 1 };
    expect((await admin.send('GET', path)).json).toEqual(plugin);
    expect((await admin.send('GET', `/plugins/${plugin['id']}`)).json).toEqual(plugin);
    expect((await admin.send('GET', '/apis/x/plugins')).json).toEqual(page);
    expect((await admin.send('GET', '/plugins')).json).toEqual(page);
    expect((await admin.send('GET', `/plugins?api_id=${plugin['api_id']}`)).json).toEqual(page);
    expect((await admin.send('GET', '/plugins?enabled=false')).json['total']).toBe(0);
    expect((await admin.send('GET', '/apis/y/plugins')).json).toEqual({ data: [], total: 0 });
  });

  it('take api_id in the body where the path has none', async () => {
    const { admin, api } = await startWithApi();
    const got = await admin.send('POST', '/plugins', { ...ssl, api_id: api['id'] });
    expect([got.status, got.json['api_id']]).toEqual([201, api['id']]);
    const shared = await admin.send('POST', '/plugins', ssl);
    expect([shared.status, shared.json['api_id']]).toEqual([201, undefined]);
  });

  it('do not find a plugin under an API it does not belong to, nor touch it', async () => {
    const { admin, plugin } = await startWithPlugin();
    const path = `/apis/y/plugins/${plugin['id']}`;
    for (const method of ['GET', 'PATCH', 'DELETE', 'POST']) {
      const body = method === 'GET' ? undefined : { enabled: false };
      expect((await admin.send(method, path, body)).status, method).toBe(404);
    }
    const put = { ...ssl, id: plugin['id'], enabled: false };
    expect((await admin.send('PUT', '/apis/y/plugins', put)).status).toBe(404);
    expect((await admin.send('GET', `/plugins/${plugin['id']}`)).json).toEqual(plugin);
  });

  it('answer 404, 400 for what is no UUID, 405 for other methods', async () => {
    const { admin, path } = await startWithPlugin();
    expect((await admin.send('GET', '/apis/none/plugins')).status).toBe(404);
    expect((await admin.send('POST', '/apis/none/plugins', ssl)).status).toBe(404);
    expect((await admin.send('GET', `/plugins/${someId}`)).status).toBe(404);
    for (const each of ['/plugins/abc', '/apis/x/plugins/abc']) {
      const got = await admin.send('GET', each);
      expect([got.status, got.json]).toEqual([400, { id: 'abc is not a valid uuid' }]);
    }
    expect((await admin.send('POST', path, ssl)).status).toBe(405);
    expect((await admin.send('PATCH', '/plugins', ssl)).status).toBe(405);
  });
});

describe('6.3 errors of the object', () => {
  it.each([
    [{}, 400, { name: 'name is required' }],
    [{ config: 1 }, 400, { name: 'name is required' }],
    [{ name: 'foo' }, 400, { config: 'Plugin "foo" not found' }],
    [{ name: 'ssl', config: 'x' }, 400, { config: 'config is not a table' }],
    [{ ...ssl, foo: 1 }, 400, { foo: 'foo is an unknown field' }],
    [{ ...ssl, 'config.foo': 1 }, 400, { 'config.foo': 'foo is an unknown field' }],
    [{ ...ssl, enabled: 'x' }, 400, { enabled: 'enabled is not a boolean' }],
    [
      { ...ssl, consumer_id: someId },
      400,
      { message: 'No consumer can be configured for that plugin' },
    ],
    [{ ...ssl, consumer_id: someId, enabled: 1 }, 400, { enabled: 'enabled is not a boolean' }],
  ])('%# %j', async (body, status, json) => {
    const { admin } = await startWithApi();
    const got = await admin.send('POST', '/apis/x/plugins', body);
    expect([got.status, got.json]).toEqual([status, json]);
    expect((await admin.send('GET', '/plugins')).json['total']).toBe(0);
  });

  it('of api_id: no UUID, or no API', async () => {
    const { admin } = await startWithApi();
    const no = await admin.send('POST', '/plugins', { ...ssl, api_id: 'abc' });
    expect([no.status, no.json]).toEqual([400, { api_id: 'abc is not a valid uuid' }]);
    const unknown = await admin.send('POST', '/plugins', { ...ssl, api_id: someId });
    expect([unknown.status, unknown.json]).toEqual([
      404,
      { api_id: `does not exist with value '${someId}'` },
    ]);
  });

  it('of PATCH: the same rules', async () => {
    const { admin, path, plugin } = await startWithPlugin();
    const expectations = [
      [{ name: 'foo' }, { config: 'Plugin "foo" not found' }],
      [{ foo: 1 }, { foo: 'foo is an unknown field' }],
      [{ consumer_id: someId }, { message: 'No consumer can be configured for that plugin' }],
      [{ 'config.only_https': 'x' }, { 'config.only_https': 'only_https is not a boolean' }],
      [{ 'config.cert': 1 }, { 'config.cert': 'cert is not a string' }],
      [{ id: someId }, { id: 'id cannot be changed' }],
    ] as const;
    for (const [body, json] of expectations) {
      const got = await admin.send('PATCH', path, body);
      expect([got.status, got.json]).toEqual([400, json]);
    }
    expect((await admin.send('GET', path)).json).toEqual(plugin);
  });
});

describe('6.4 one per API', () => {
  it('a second one is refused, enabled or not; one for all APIs stands beside it', async () => {
    const { admin } = await startWithPlugin();
    const conflict = [409, { message: 'Plugin configuration already exists' }];
    const second = await admin.send('POST', '/apis/x/plugins', { ...ssl, enabled: false });
    expect([second.status, second.json]).toEqual(conflict);
    expect((await admin.send('POST', '/plugins', ssl)).status).toBe(201);
    const shared = await admin.send('POST', '/plugins', ssl);
    expect([shared.status, shared.json]).toEqual(conflict);
  });

  it('of several at the same time exactly one succeeds, and no key is left behind', async () => {
    const { admin } = await startWithApi();
    const attempts = Array.from({ length: 10 }, () => admin.send('POST', '/apis/x/plugins', ssl));
    const statuses = (await Promise.all(attempts)).map(({ status }) => status).sort();
    expect(statuses).toEqual([201, ...Array<number>(9).fill(409)]);
    await admin.plane.handler.idle();
    expect(await keysIn(admin.plane.vault)).toHaveLength(1);
  });
});

describe('6.5 PATCH', () => {
  it('merges config', async () => {
    const { admin, path, plugin } = await startWithPlugin();
    const form = new URLSearchParams({ 'config.only_https': 'true' });
    const got = await admin.send('PATCH', path, form);
    expect(got.json).toEqual({ ...plugin, config: { ...plugin['config'], only_https: true } });
    const off = await admin.send('PATCH', `/plugins/${plugin['id']}`, { enabled: false });
    expect(off.json).toMatchObject({ enabled: false, config: { only_https: true } });
  });

  it('takes back what GET returned, the placeholder keeps the key', async () => {
    const { admin, path, plugin } = await startWithPlugin();
    const before = await keysIn(admin.plane.vault);
    const got = await admin.send('PATCH', path, plugin);
    expect([got.status, got.json]).toEqual([200, plugin]);
    expect(await keysIn(admin.plane.vault)).toEqual(before);
  });

  it('takes an empty body, which changes nothing', async () => {
    const { admin, path, plugin } = await startWithPlugin();
    const revision = admin.plane.folded.head;
    const got = await admin.send('PATCH', path, {});
    expect([got.status, got.json]).toEqual([200, plugin]);
    expect(admin.plane.folded.head).toBe(revision);
  });

  it('takes a new pair, or a new certificate for the stored key', async () => {
    const { admin, path } = await startWithPlugin();
    const pair = await admin.send('PATCH', path, { config: { cert: renewed.cert } });
    expect(pair.json['config']).toMatchObject({ cert: renewed.cert, key: '[sealed]' });
    const { certificates, plugins } = admin.plane.folded.state;
    const [plugin] = plugins.values();
    const bound = plugin?.config.certificateId;
    const keyId = bound && certificates.get(bound)?.keyId;
    expect(keyId && (await admin.plane.vault.open(keyId))).toBe(a.key);
    const other = await admin.send('PATCH', path, { config: { cert: b.cert, key: b.key } });
    expect(other.json['config']?.['cert']).toBe(b.cert);
  });

  it('refuses half a pair that does not fit the other half', async () => {
    const { admin, path, plugin } = await startWithPlugin();
    const halves = [{ cert: b.cert }, { key: b.key }, { cert: b.cert, key: '[sealed]' }];
    for (const config of halves) {
      const got = await admin.send('PATCH', path, { config });
      expect(got.status).toBe(400);
      expect(Object.keys(got.json)).toEqual(['config.key']);
    }
    expect((await admin.send('GET', path)).json).toEqual(plugin);
    expect((await admin.send('PATCH', path, { config: { key: a.key } })).json).toEqual(plugin);
  });

  it('decides half a pair anew if the pair is changed at the same moment', async () => {
    const { admin, path } = await startWithPlugin();
    const results = await Promise.all([
      admin.send('PATCH', path, { config: { cert: b.cert, key: b.key } }),
      admin.send('PATCH', path, { config: { cert: renewed.cert } }),
    ]);
    expect(results.map(({ status }) => status)).toEqual([200, 400]);
    expect((await admin.send('GET', path)).json['config']?.['cert']).toBe(b.cert);
  });

  it("takes an export of Kong's, caches and all", async () => {
    const { admin, path, plugin } = await startWithPlugin();
    const config = { cert: a.cert, key: a.key, _cert_der_cache: 'MII', _key_der_cache: 'MII' };
    const got = await admin.send('PATCH', path, { ...plugin, config });
    expect([got.status, got.json]).toEqual([200, plugin]);
  });

  it('moves a plugin to another API', async () => {
    const { admin, plugin } = await startWithPlugin();
    const target = (await admin.send('GET', '/apis/y')).json['id'];
    const got = await admin.send('PATCH', `/plugins/${plugin['id']}`, { api_id: target });
    expect(got.json['api_id']).toBe(target);
    expect((await admin.send('GET', '/apis/x/plugins')).json['total']).toBe(0);
  });
});

describe('6.6 PUT', () => {
  it('creates without an id', async () => {
    const { admin } = await startWithApi();
    expect((await admin.send('PUT', '/apis/x/plugins', ssl)).status).toBe(201);
    expect((await admin.send('PUT', '/apis/x/plugins', ssl)).status).toBe(409);
    expect((await admin.send('PUT', '/plugins', ssl)).status).toBe(201);
    expect((await admin.send('PUT', '/plugins', {})).json).toEqual({ name: 'name is required' });
  });

  it('replaces with an id: nothing is merged, but the placeholder keeps the key', async () => {
    const { admin, path, plugin } = await startWithPlugin();
    await admin.send('PATCH', path, { enabled: false, config: { only_https: true } });
    const body = { id: plugin['id'], ...ssl };
    for (const key of [a.key, '[sealed]']) {
      const replaced = { ...body, config: { cert: a.cert, key } };
      const got = await admin.send('PUT', '/apis/x/plugins', replaced);
      expect([got.status, got.json]).toEqual([200, plugin]);
    }
    const missing = await admin.send('PUT', '/apis/x/plugins', { id: plugin['id'], name: 'ssl' });
    expect([missing.status, missing.json]).toEqual([
      400,
      { 'config.cert': 'cert is required', 'config.key': 'key is required' },
    ]);
    const unnamed = await admin.send('PUT', '/apis/x/plugins', { id: plugin['id'] });
    expect(unnamed.json).toEqual({ name: 'name is required' });
  });

  it('answers 404 for an id that nobody has', async () => {
    const { admin } = await startWithApi();
    expect((await admin.send('PUT', '/apis/x/plugins', { id: someId, ...ssl })).status).toBe(404);
    expect((await admin.send('PUT', '/plugins', { id: someId, ...ssl })).status).toBe(404);
  });
});

describe('6.7 DELETE', () => {
  it('is done once', async () => {
    const { admin, path } = await startWithPlugin();
    const got = await admin.send('DELETE', path);
    expect([got.status, got.text]).toEqual([204, '']);
    expect((await admin.send('DELETE', path)).status).toBe(404);
    expect((await admin.send('GET', path)).status).toBe(404);
  });

  it('of the API takes the plugin along', async () => {
    const { admin, plugin } = await startWithPlugin();
    await admin.send('DELETE', '/apis/x');
    expect((await admin.send('GET', `/plugins/${plugin['id']}`)).status).toBe(404);
  });
});

describe('6.8 about plugins', () => {
  it('shows the settings of ssl', async () => {
    const admin = await startAdmin();
    expect((await admin.send('GET', '/plugins/schema/ssl')).json).toEqual({
      no_consumer: true,
      fields: {
        cert: { required: true, type: 'string', func: 'function' },
        key: { required: true, type: 'string', func: 'function' },
        only_https: { required: false, type: 'boolean', default: false },
        accept_http_if_already_terminated: { required: false, type: 'boolean', default: false },
        https_redirect_status_code: {
          required: false,
          type: 'number',
          default: 426,
          enum: [301, 302, 307, 308, 426],
        },
        hsts_max_age: { required: false, type: 'number' },
        hsts_include_subdomains: { required: false, type: 'boolean', default: false },
        hsts_preload: { required: false, type: 'boolean', default: false },
      },
    });
    const unknown = await admin.send('GET', '/plugins/schema/foobar');
    expect([unknown.status, unknown.json]).toEqual([404, { message: "No plugin named 'foobar'" }]);
  });
});

describe('8.2 and 8.3 errors of the configuration', () => {
  const cert = 'config.cert';
  const key = 'config.key';
  it.each([
    ['nothing', {}, { [cert]: /^cert is required$/, [key]: /^key is required$/ }],
    ['blanks', { cert: ' ', key: a.key }, { [cert]: /^cert is required$/ }],
    [
      'numbers',
      { cert: 1, key: 2 },
      { [cert]: /^cert is not a string$/, [key]: /^key is not a string$/ },
    ],
    [
      'no PEM',
      { cert: 'x', key: 'x' },
      { [cert]: /^Invalid SSL certificate: /, [key]: /^Invalid SSL certificate key: / },
    ],
    [
      'the wrong key',
      { cert: a.cert, key: b.key },
      { [key]: /^Invalid SSL certificate key: it does not belong/ },
    ],
    [
      'the key twice',
      { cert: `${a.cert}\n${a.key}`, key: a.key },
      { [cert]: /holds a private key/ },
    ],
    ['the placeholder', { cert: a.cert, key: '[sealed]' }, { [key]: /placeholder/ }],
    ['a list', { cert: [a.cert], key: a.key }, { [cert]: /^cert is not a string$/ }],
  ])('%s', async (_, config, errors) => {
    const { admin } = await startWithApi();
    const got = await admin.send('POST', '/apis/x/plugins', { name: 'ssl', config });
    expect(got.status).toBe(400);
    const expected = Object.entries(errors).map(([field, text]) => [
      field,
      expect.stringMatching(text),
    ]);
    expect(got.json).toEqual(Object.fromEntries(expected));
    expect(await keysIn(admin.plane.vault)).toEqual([]);
  });

  it('an expired certificate is refused, unless the request or the configuration allows it', async () => {
    const clock = () => Date.now() + 200 * 86_400_000;
    for (const [allowExpiredCertificates, query, status] of [
      [false, '', 400],
      [false, '?allow_expired=true', 201],
      [true, '', 201],
    ] as const) {
      const admin = await startAdmin({ clock, allowExpiredCertificates });
      await admin.send('POST', '/apis', { name: 'x', request_host: 'a.test', upstream_url });
      const got = await admin.send('POST', `/apis/x/plugins${query}`, ssl);
      expect(got.status).toBe(status);
      if (status === 400) expect(got.text).toContain('Invalid SSL certificate: it expired on');
      else expect(got.headers.get('signet-warning')).toContain('expired on');
    }
  });
});

describe('8.5 what answers show', () => {
  it('the chain as uploaded, trimmed; never the key, nor in the log of events', async () => {
    const { admin, path, plugin } = await startWithPlugin();
    const secret = a.key.split('\n')[1] ?? 'none';
    const answers = [JSON.stringify(plugin)];
    for (const each of [path, '/plugins', '/apis/x/plugins', '/plugins/schema/ssl']) {
      answers.push((await admin.send('GET', each)).text);
    }
    answers.push((await admin.send('POST', '/apis/x/plugins', ssl)).text);
    for await (const batch of admin.plane.log.read(revision(0))) {
      for (const { data, metadata } of batch) answers.push(`${data}${metadata}`);
    }
    for (const answer of answers) expect(answer).not.toContain(secret);
  });

  it('an API of many APIs may share one pair, stored once', async () => {
    const { admin } = await startWithPlugin();
    const other = await admin.send('POST', '/apis/y/plugins', ssl);
    expect(other.headers.get('signet-warning')).toBe(
      'the certificate does not cover y.test; it covers a.test',
    );
    expect(admin.plane.folded.state.certificates.size).toBe(1);
    await admin.plane.handler.idle();
    expect(await keysIn(admin.plane.vault)).toHaveLength(1);
  });
});
