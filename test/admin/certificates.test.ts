import { describe, expect, it } from 'vitest';
import { type AdminUnderTest, type Got, sharedAdmin, startAdmin } from '../support/admin-server.js';
import { keysIn } from '../support/control-plane.js';
import { makePairs } from '../support/pairs.js';

const { a, b, renewed } = makePairs();
const upstream_url = 'http://127.0.0.1:9000';
const api = { upstream_url };
const forHost = (request_host: string, config = a) => ({ request_host, config, api });
const outcomes = (got: Got) => resultsOf(got).map(({ outcome }) => outcome);

interface Result {
  readonly outcome: string;
  readonly reason?: string;
}

function resultsOf({ text }: Got): readonly Result[] {
  return JSON.parse(text).results;
}

function bind(
  admin: AdminUnderTest,
  certificates: unknown,
  { query = '', headers = {} }: { query?: string; headers?: Record<string, string> } = {},
) {
  return admin.send('POST', `/certificates${query}`, { certificates }, headers);
}

describe('POST /certificates', () => {
  const shared = sharedAdmin();

  it('adds an API and its plugin for a new host, in one append', async () => {
    const admin = shared();
    const before = admin.plane.folded.state;
    const got = await bind(admin, [forHost('a.test'), forHost('b.test', b)]);
    expect(got.status).toBe(200);
    expect(got.json['results']).toEqual([
      { request_host: 'a.test', outcome: 'added' },
      { request_host: 'b.test', outcome: 'added' },
    ]);
    expect(got.text).not.toContain('PRIVATE KEY');
    const api = await admin.send('GET', '/apis/a.test');
    expect(api.json).toMatchObject({ request_host: 'a.test', upstream_url });
    const plugins = await admin.send('GET', '/apis/a.test/plugins');
    expect(plugins.json['data']).toMatchObject([{ config: { cert: a.cert, key: '[sealed]' } }]);
    expect(admin.plane.folded.state.certificates.size - before.certificates.size).toBe(2);
  });

  it('gives a host that has an API its plugin, and a plugin that is there the new certificate', async () => {
    const admin = shared();
    await admin.send('POST', '/apis', { name: 'mine', request_host: 'A.test', upstream_url });
    expect(outcomes(await bind(admin, [{ request_host: 'a.test', config: a }]))).toEqual(['added']);
    const [plugin] = admin.plane.folded.state.plugins.values();
    await admin.send('PATCH', `/plugins/${plugin?.id}`, { config: { only_https: true } });
    expect(outcomes(await bind(admin, [forHost('a.test', renewed)]))).toEqual(['replaced']);
    const after = await admin.send('GET', `/plugins/${plugin?.id}`);
    expect(after.json['config']).toMatchObject({ cert: renewed.cert, only_https: true });
    const { head } = admin.plane.folded;
    expect(outcomes(await bind(admin, [forHost('a.test', renewed)]))).toEqual(['unchanged']);
    expect(admin.plane.folded.head).toBe(head);
  });

  it('gives new plugins the settings, and changes those that are there', async () => {
    const admin = shared();
    const strict = { ...forHost('a.test'), config: { ...a, only_https: true } };
    await bind(admin, [{ ...strict, api: { ...api, name: 'n', preserve_host: true } }]);
    expect((await admin.send('GET', '/apis/n')).json).toMatchObject({ preserve_host: true });
    const config = async () => {
      const { json } = await admin.send('GET', '/apis/n/plugins');
      return json['data']?.[0]?.['config'];
    };
    expect(await config()).toMatchObject({ only_https: true });
    const loose = { ...a, only_https: false };
    expect(outcomes(await bind(admin, [forHost('a.test', loose)]))).toEqual(['replaced']);
    expect(await config()).toMatchObject({ only_https: false });
  });

  it('keeps one certificate for hosts that share it, and only the keys of what it records', async () => {
    const admin = await startAdmin();
    await bind(admin, [forHost('one.test'), forHost('two.test')]);
    expect(admin.plane.folded.state.certificates.size).toBe(1);
    expect(await keysIn(admin.plane.vault)).toHaveLength(1);
  });

  it('says of each host why it was refused, and binds the others', async () => {
    const admin = shared();
    await admin.send('POST', '/apis', { name: 'taken.test', request_host: 'x.test', upstream_url });
    const got = await bind(admin, [
      { request_host: 'none.test', config: a },
      forHost('mismatch.test', { ...a, key: b.key }),
      forHost('taken.test'),
      forHost('not a host'),
      { ...forHost('odd.test'), surprise: 1 },
      { request_host: 'bare.test' },
      { ...forHost('lost.test'), api: { upstream_url: 'nowhere', id: 1 } },
      forHost('b.test'),
    ]);
    const results = resultsOf(got);
    expect(results.map(({ outcome }) => outcome)).toEqual([
      ...Array.from({ length: 7 }, () => 'refused'),
      'added',
    ]);
    expect(results.map(({ reason }) => reason)).toEqual([
      'no API has this request_host: add one, or say in api what to add',
      expect.stringContaining('does not belong to the certificate'),
      "name: already exists with value 'taken.test'",
      expect.stringContaining('Invalid value'),
      'surprise is an unknown field',
      'cert is required; key is required',
      'upstream_url is not a url; id is an unknown field',
      undefined,
    ]);
    expect(results.at(-1)).toMatchObject({
      warnings: ['the certificate does not cover b.test; it covers a.test'],
    });
    expect(got.text).not.toContain('PRIVATE KEY');
  });

  it('refuses what is no list of hosts as a whole', async () => {
    const admin = shared();
    const { head } = admin.plane.folded;
    const many = Array.from({ length: 34 }, (_, n) => forHost(`h${n}.test`));
    const wrong = [
      'x',
      [1],
      [{ config: a }],
      [forHost('a.test'), forHost('A.test')],
      many,
      undefined,
    ];
    for (const certificates of wrong) {
      const got = await bind(admin, certificates);
      expect([got.status, got.headers.get('content-type')]).toEqual([
        400,
        'application/problem+json',
      ]);
    }
    expect(admin.plane.folded.head).toBe(head);
  });

  it('records the most it takes in one append', async () => {
    const admin = shared();
    const many = Array.from({ length: 33 }, (_, n) => forHost(`h${n}.test`, n % 2 ? a : b));
    const got = await bind(admin, many);
    expect(outcomes(got)).toEqual(many.map(() => 'added'));
    expect(outcomes(await bind(admin, many))).toEqual(many.map(() => 'unchanged'));
  });

  it('dry, tells what would become of each host', async () => {
    const admin = await startAdmin();
    const { head } = admin.plane.folded;
    const entries = [forHost('a.test'), { request_host: 'none.test', config: b }];
    const got = await bind(admin, entries, { query: '?dry_run=true' });
    expect(got.json).toMatchObject({
      dry_run: true,
      accepted: true,
      events: [{ type: 'ApiAdded' }, { type: 'CertUploaded' }, { type: 'PluginAdded' }],
      bindings: [{ request_host: 'a.test', before: null }],
      results: [{ outcome: 'added' }, { outcome: 'refused' }],
    });
    expect(admin.plane.folded.head).toBe(head);
  });

  it('keeps to If-Match, which is compared with the head', async () => {
    const admin = await startAdmin();
    const first = await bind(admin, [forHost('a.test')]);
    const revision = `"${first.headers.get('signet-revision')}"`;
    const send = (host: string) =>
      bind(admin, [forHost(host, b)], { headers: { 'if-match': revision } });
    expect((await send('b.test')).status).toBe(200);
    expect((await send('c.test')).status).toBe(412);
  });

  it('answers the same key alike, once', async () => {
    const admin = await startAdmin();
    const headers = { 'idempotency-key': 'k' };
    const entries = [forHost('a.test'), { request_host: 'none.test', config: b }];
    const first = await bind(admin, entries, { headers });
    const { head } = admin.plane.folded;
    const again = await bind(admin, entries, { headers });
    expect(again.text).toBe(first.text);
    expect(admin.plane.folded.head).toBe(head);
    expect((await bind(admin, [forHost('b.test', b)], { headers })).status).toBe(422);
  });
});
