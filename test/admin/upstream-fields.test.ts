import { describe, expect, it } from 'vitest';
import { startAdmin } from '../support/admin-server.js';
import { makePairs } from '../support/pairs.js';

const { a, b } = makePairs();
const whole = { name: 'x', request_host: 'x.test', upstream_url: 'https://up.test' };

describe('how an API’s upstream is reached', () => {
  it('is taken from JSON and shown as it was given, in short', async () => {
    const admin = await startAdmin();
    const targets = ['10.0.0.1', 'b.test:8443 weight=3', '[2001:db8::1]:81', '[::1] weight=1'];
    const got = await admin.send('POST', '/apis', {
      ...whole,
      upstream_targets: targets,
      upstream_ca: `text before\n${a.cert}\n\n${b.cert}`,
      upstream_verify: true,
    });
    expect([got.status, got.json]).toEqual([
      201,
      {
        ...whole,
        id: expect.any(String),
        created_at: expect.any(Number),
        strip_request_path: false,
        preserve_host: false,
        upstream_targets: ['10.0.0.1', 'b.test:8443 weight=3', '[2001:db8::1]:81', '[::1]'],
        upstream_ca: `${a.cert.trim()}\n${b.cert.trim()}`,
        upstream_verify: true,
      },
    ]);
    expect([...admin.plane.folded.state.apis.values()][0]?.upstreamTargets).toEqual([
      { host: '10.0.0.1', weight: 1 },
      { host: 'b.test', port: 8443, weight: 3 },
      { host: '2001:db8::1', port: 81, weight: 1 },
      { host: '::1', weight: 1 },
    ]);
    expect((await admin.send('GET', '/apis/x')).json).toEqual(got.json);
    const same = await admin.send('PUT', '/apis', got.json);
    expect([same.status, same.json]).toEqual([200, got.json]);
    expect(same.headers.get('signet-revision')).toBe(got.headers.get('signet-revision'));
  });

  it('is taken from forms as Kong takes lists, and a list can be emptied', async () => {
    const admin = await startAdmin();
    await admin.send('POST', '/apis', whole);
    const patch = (fields: Record<string, string>) =>
      admin.send('PATCH', '/apis/x', new URLSearchParams(fields));
    const set = await patch({ upstream_targets: 'a.test:1 , b.test:2 weight=9' });
    expect(set.json['upstream_targets']).toEqual(['a.test:1', 'b.test:2 weight=9']);
    const repeated = new URLSearchParams([
      ['upstream_targets', 'a.test'],
      ['upstream_targets', 'b.test'],
    ]);
    const twice = await admin.send('PATCH', '/apis/x', repeated);
    expect(twice.json['upstream_targets']).toEqual(['a.test', 'b.test']);
    expect((await patch({ upstream_targets: '' })).json).not.toHaveProperty('upstream_targets');
  });

  it('is unset by a PATCH with null, or with an empty value in a form', async () => {
    const admin = await startAdmin();
    const reach = {
      upstream_targets: ['a.test'],
      upstream_ca: a.cert.trim(),
      upstream_verify: false,
    };
    const { json: added } = await admin.send('POST', '/apis', { ...whole, ...reach });
    const withAll = { ...added };
    for (const field of Object.keys(reach)) {
      const bare = Object.fromEntries(Object.entries(withAll).filter(([name]) => name !== field));
      for (const body of [{ [field]: null }, new URLSearchParams({ [field]: ' ' })]) {
        const got = await admin.send('PATCH', '/apis/x', body);
        expect([field, got.status, got.json]).toEqual([field, 200, bare]);
        await admin.send('PATCH', '/apis/x', reach);
      }
    }
    expect((await admin.send('GET', '/apis/x')).json).toEqual(withAll);
    // In a whole API it is the same as leaving it out.
    const none = { upstream_targets: null, upstream_ca: null, upstream_verify: null };
    const replaced = await admin.send('PUT', '/apis', { ...withAll, ...none });
    for (const field of Object.keys(reach)) expect(replaced.json).not.toHaveProperty(field);
  });

  it.each([
    ...['a b', 'a.test:0', 'a.test:65536', 'a.test:x', 'http://a.test', '::1', '[1.2.3.4]', '[x]'],
    ...['a.test weight=0', 'a.test weight=1001', 'a.test weight=-1', 'a.test weight', 'user@a'],
  ])('can’t be %j', async (target) => {
    const admin = await startAdmin();
    const got = await admin.send('POST', '/apis', { ...whole, upstream_targets: [target] });
    expect([got.status, got.json]).toEqual([
      400,
      { upstream_targets: `not host[:port] [weight=1 to 1000]: '${target}'` },
    ]);
  });

  it.each([
    [{ upstream_targets: 5 }, { upstream_targets: 'upstream_targets is not an array' }],
    [{ upstream_targets: [5] }, { upstream_targets: 'upstream_targets is not a string' }],
    [
      { upstream_targets: Array.from({ length: 65 }, (_, n) => `t${n}.test`) },
      { upstream_targets: 'upstream_targets has more than 64 items' },
    ],
    [{ upstream_verify: 'x' }, { upstream_verify: 'upstream_verify is not a boolean' }],
    [{ upstream_ca: 'x' }, { upstream_ca: 'upstream_ca is not one or more PEM certificates' }],
    [
      { upstream_ca: '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----' },
      { upstream_ca: 'upstream_ca is not one or more PEM certificates' },
    ],
    [
      { upstream_ca: `${a.cert}\n${a.key}` },
      { upstream_ca: 'upstream_ca holds a private key; send certificates only' },
    ],
  ])('is refused as %j', async (fields, errors) => {
    const admin = await startAdmin();
    const got = await admin.send('POST', '/apis', { ...whole, ...fields });
    expect([got.status, got.json]).toEqual([400, errors]);
  });
});
