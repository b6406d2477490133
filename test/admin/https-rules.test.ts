import { describe, expect, it } from 'vitest';
import { startAdmin } from '../support/admin-server.js';
import { makePairs } from '../support/pairs.js';

const { a } = makePairs();
const pair = { cert: a.cert, key: a.key };
const kongs = { only_https: true, accept_http_if_already_terminated: false };

async function startWithApi() {
  const admin = await startAdmin();
  const upstream_url = 'http://127.0.0.1:9000';
  await admin.send('POST', '/apis', { name: 'x', request_host: 'a.test', upstream_url });
  const post = (config: object) =>
    admin.send('POST', '/apis/x/plugins', {
      name: 'ssl',
      config: { ...pair, only_https: true, ...config },
    });
  return { admin, post };
}

describe('redirects and HSTS in the configuration of the ssl plugin', () => {
  it('are taken, shown as given, and reach plugin and event', async () => {
    const { admin, post } = await startWithApi();
    const ours = {
      https_redirect_status_code: 308,
      hsts_max_age: 31536000,
      hsts_include_subdomains: true,
      hsts_preload: true,
    };
    const added = await post(ours);
    expect([added.status, added.json['config']]).toEqual([
      201,
      { cert: a.cert, key: '[sealed]', ...kongs, ...ours },
    ]);
    const events = await admin.send('GET', '/events?type=PluginAdded');
    expect(events.json['data']?.[0]?.['data']?.['plugin']).toMatchObject({ ...kongs, ...ours });
    expect(admin.plane.folded.state.plugins.values().next().value?.config).toMatchObject({
      onlyHttps: true,
      httpsRedirectStatusCode: 308,
      hstsMaxAge: 31536000,
      hstsIncludeSubdomains: true,
      hstsPreload: true,
    });
  });

  it('are read from forms, changed by PATCH and taken away by PUT', async () => {
    const { admin, post } = await startWithApi();
    const { json: added } = await post({ hsts_max_age: 60 });
    const path = `/apis/x/plugins/${added['id']}`;
    const form = new URLSearchParams({
      'config.https_redirect_status_code': '301',
      'config.hsts_max_age': ' 0 ',
    });
    const changed = await admin.send('PATCH', path, form);
    expect(changed.json['config']).toMatchObject({
      https_redirect_status_code: 301,
      hsts_max_age: 0,
    });
    const whole = { id: added['id'], name: 'ssl', config: { ...pair, only_https: true } };
    const replaced = await admin.send('PUT', '/apis/x/plugins', whole);
    expect([replaced.status, replaced.json['config']]).toEqual([
      200,
      { cert: a.cert, key: '[sealed]', ...kongs },
    ]);
  });

  it('are unset by a PATCH with null, or with an empty value in a form; Kong’s own can’t be', async () => {
    const { admin, post } = await startWithApi();
    const { json: added } = await post({ hsts_max_age: 60, hsts_preload: true });
    const path = `/apis/x/plugins/${added['id']}`;
    const withNull = await admin.send('PATCH', path, { config: { hsts_max_age: null } });
    expect([withNull.status, withNull.json['config']]).toEqual([
      200,
      { cert: a.cert, key: '[sealed]', ...kongs, hsts_preload: true },
    ]);
    expect(withNull.headers.get('signet-warning')).toMatch(/do nothing without hsts_max_age$/);
    const form = new URLSearchParams({ 'config.hsts_preload': '' });
    expect((await admin.send('PATCH', path, form)).json['config']).toEqual({
      cert: a.cert,
      key: '[sealed]',
      ...kongs,
    });
    const refused = await admin.send('PATCH', path, { config: { only_https: null } });
    expect([refused.status, refused.json]).toEqual([
      400,
      { 'config.only_https': 'only_https is not a boolean' },
    ]);
  });

  it.each([
    [{ https_redirect_status_code: 303 }, 'https_redirect_status_code', /^"303" is not allowed/],
    [{ https_redirect_status_code: 'x' }, 'https_redirect_status_code', /is not a number$/],
    [{ hsts_max_age: -1 }, 'hsts_max_age', /^hsts_max_age is not a number$/],
    [{ hsts_max_age: 1.5 }, 'hsts_max_age', /^hsts_max_age is not a number$/],
    [{ hsts_max_age: 1e12 }, 'hsts_max_age', /^hsts_max_age must be 0 to /],
  ])('that are %j are refused', async (config, field, text) => {
    const { post } = await startWithApi();
    const got = await post(config);
    expect([got.status, got.json]).toEqual([
      400,
      { [`config.${field}`]: expect.stringMatching(text) },
    ]);
  });

  it.each([
    [{ hsts_max_age: 60 }, []],
    [{ hsts_preload: true }, [/do nothing without hsts_max_age$/]],
    [
      { hsts_preload: true, hsts_include_subdomains: true, hsts_max_age: 31535999 },
      [/hsts_preload only with .* at least 31536000$/],
    ],
    [{ hsts_preload: true, hsts_include_subdomains: true, hsts_max_age: 31536000 }, []],
    [{ only_https: false, https_redirect_status_code: 301 }, [/without only_https$/]],
  ])('that are %j get as many warnings as they deserve', async (config, texts) => {
    const { admin, post } = await startWithApi();
    const added = await post(config);
    const path = `/apis/x/plugins/${added.json['id']}`;
    for (const got of [added, await admin.send('PATCH', path, { enabled: false })]) {
      expect(got.status).toBeLessThan(300);
      const warnings = (got.headers.get('signet-warning') ?? '')
        .split(', ')
        .filter((w) => w !== '');
      expect(warnings).toEqual(texts.map((text) => expect.stringMatching(text)));
    }
  });
});
