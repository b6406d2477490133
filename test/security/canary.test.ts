import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type AdminAnswer, AdminClient, idOf } from '../support/admin-client.js';
import { descendants } from '../support/descendants.js';
import { EchoUpstream } from '../support/echo-upstream.js';
import { eventually } from '../support/eventually.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { OpensslBench } from '../support/openssl.js';
import { ScratchDirectory } from '../support/scratch-directory.js';
import { type Canary, CanaryHunt, keyCanaries, pemCanaries } from './canaries.js';

const bench = new OpensslBench();
const scratch = new ScratchDirectory();
afterAll(async () => {
  bench.dispose();
  await scratch.remove();
});

function pair(host: string, algorithm: 'EC' | 'RSA' = 'EC') {
  const option = algorithm === 'EC' ? 'ec_paramgen_curve:P-256' : 'rsa_keygen_bits:2048';
  const key = bench.key(algorithm, option);
  return { key, cert: bench.certificate(key, { names: [host] }) };
}

const canariesOf = (name: string, key: string): Canary[] => [
  ...keyCanaries(name, key),
  ...pemCanaries(name, key),
];

describe('secrets', () => {
  it('are nowhere in what a running gateway wrote or answered', async () => {
    const masterKey = randomBytes(32);
    const upstream = await EchoUpstream.start();
    const dataDir = scratch.path('data');
    const gateway = await GatewayProcess.start({
      dataDir,
      flags: ['--workers', '1', '--log-level', 'debug', '--master-key', 'env:CANARY_KEK'],
      env: {
        CANARY_KEK: masterKey.toString('base64'),
        // Of Node, with the whole environment in it; where a user asks for one.
        NODE_OPTIONS: `--report-on-signal --report-signal=SIGWINCH --report-directory=${dataDir}`,
      },
    });
    const canaries: Canary[] = [{ name: 'master key', bytes: masterKey }];
    const answers: [string, string][] = [];
    const client = new AdminClient(gateway.adminUrl);
    const send = async (...[method, path, body]: Parameters<AdminClient['send']>) => {
      const answer = await client.send(method, path, body);
      answers.push([`${method} ${path}`, JSON.stringify([answer.body, [...answer.headers]])]);
      return answer;
    };
    try {
      await plantKeys(send, upstream.url, canaries);
      const joinToken = await send('POST', '/nodes/join-tokens', new URLSearchParams());
      expect(joinToken.status).toBe(201);
      const secret = fieldOf(joinToken, 'token').split('.').at(-1) ?? '';
      canaries.push({ name: 'join token', bytes: Buffer.from(secret, 'base64url') });
      canaries.push({ name: 'join token', bytes: Buffer.from(secret) });
      // The answer that makes a token is the one place where it may stand.
      answers.pop();
      await readEverything(send);
      const metrics = await fetch(`${gateway.adminUrl}/metrics`);
      answers.push(['GET /metrics', await metrics.text()]);
      await plantToken(gateway.adminUrl, canaries);

      const hunt = new CanaryHunt(canaries);
      for (const [where, text] of answers) hunt.search(where, text);
      searchProcesses(hunt, gateway.pid, masterKey);
      process.kill(gateway.pid, 'SIGWINCH');
      await eventually(() => expect(readdirSync(dataDir).join()).toMatch(/report\..*\.json/));
      await gateway.stop();
      hunt.search('the log', gateway.log);
      searchFiles(hunt, dataDir);
      expect(hunt.found).toEqual([]);
      expect(hunt.searchedBytes).toBeGreaterThan(100_000);
    } finally {
      await gateway.kill();
      await upstream.close();
    }
  });

  it('are found by the hunt wherever they are planted', () => {
    const { key } = pair('a.test');
    const hunt = new CanaryHunt(canariesOf('key', key));
    hunt.search('PEM', `some text ${key}`);
    hunt.search('JSON', JSON.stringify({ message: key }));
    const [scalar] = keyCanaries('key', key);
    hunt.search('DER', Buffer.concat([Buffer.from('ab'), scalar?.bytes ?? Buffer.alloc(0)]));
    hunt.search('a dump', JSON.stringify(scalar?.bytes));
    hunt.search(
      'Base64',
      Buffer.from(`x${scalar?.bytes.toString('latin1')}yz`, 'latin1').toString('base64'),
    );
    const places = ['PEM', 'JSON', 'DER', 'a dump', 'Base64'];
    expect(
      places.filter((place) => hunt.found.some((each) => each.endsWith(`in ${place}`))),
    ).toEqual(places);
  });
});

type Send = AdminClient['send'];

/** Uploads in every form, rotations, deletions, and every kind of refusal. */
async function plantKeys(send: Send, upstreamUrl: string, canaries: Canary[]): Promise<void> {
  for (const [name, algorithm] of [
    ['ec', 'EC'],
    ['rsa', 'RSA'],
  ] as const) {
    const host = `${name}.test`;
    const fields = { name, request_host: host, upstream_url: upstreamUrl };
    await send('POST', '/apis', new URLSearchParams(fields));
    const first = pair(host, algorithm);
    canaries.push(...canariesOf(`${name} key`, first.key));
    const form = new FormData();
    form.set('name', 'ssl');
    form.set('config.cert', new Blob([first.cert]), 'a.pem');
    form.set('config.key', new Blob([first.key]), 'a.key');
    const added = await send('POST', `/apis/${name}/plugins?wait=applied`, form);
    expect(added.status).toBe(201);

    const next = pair(host, algorithm);
    canaries.push(...canariesOf(`rotated ${name} key`, next.key));
    const path = `/apis/${name}/plugins/${idOf(added)}`;
    const change = new URLSearchParams({ 'config.cert': next.cert, 'config.key': next.key });
    expect((await send('PATCH', `${path}?wait=applied`, change)).status).toBe(200);
    await send('PATCH', `${path}?dry_run=true`, change);
  }
  const [stray, other] = [pair('ec.test'), pair('ec.test')];
  canaries.push(...canariesOf('refused key', stray.key), ...canariesOf('other key', other.key));
  const wrong = [
    { 'config.cert': other.cert, 'config.key': stray.key },
    { 'config.cert': `${stray.cert}${stray.key}`, 'config.key': stray.key },
    { 'config.cert': stray.key, 'config.key': stray.cert },
    { 'config.cert': stray.cert, 'config.key': stray.key.slice(0, -60) },
    { 'config.cert': stray.cert, 'config.key': stray.key, [stray.key]: '1' },
    { 'config.cert': stray.cert, 'config.key': stray.key, api_id: stray.key },
  ];
  for (const fields of wrong) {
    const body = new URLSearchParams({ name: 'ssl', ...fields });
    expect((await send('POST', '/plugins', body)).status).toBeGreaterThanOrEqual(400);
  }
  await plantInBulk(send, upstreamUrl, { stray, other }, canaries);
  const api = { name: 'x', request_host: stray.key, upstream_url: stray.key };
  expect((await send('POST', '/apis', new URLSearchParams(api))).status).toBe(400);
}

/** Many at once: one that is bound, and keys in every place where they do not belong. */
async function plantInBulk(
  send: Send,
  upstreamUrl: string,
  { stray, other }: Readonly<Record<'stray' | 'other', ReturnType<typeof pair>>>,
  canaries: Canary[],
): Promise<void> {
  const bound = pair('bulk.test');
  canaries.push(...canariesOf('key of many', bound.key));
  const api = { upstream_url: upstreamUrl };
  const entries = [
    { request_host: 'bulk.test', config: bound, api },
    { request_host: 'a.test', config: { cert: other.cert, key: stray.key }, api },
    { request_host: 'b.test', config: { cert: stray.key, key: stray.cert }, api },
    { request_host: 'c.test', config: stray, api: { upstream_url: stray.key, name: stray.key } },
    { request_host: stray.key, config: stray, api },
    { request_host: 'd.test', config: { ...stray, hsts: stray.key }, api },
  ];
  const bodies = [
    { certificates: entries },
    { certificates: [{ request_host: 'e.test', config: { ...stray, [stray.key]: '1' } }] },
    { certificates: stray.key },
    { certificates: [stray.key], [stray.key]: stray.key },
  ];
  const statuses: number[] = [];
  for (const each of bodies) {
    const body = new Blob([JSON.stringify(each)], { type: 'application/json' });
    statuses.push((await send('POST', '/certificates?wait=applied', body)).status);
    await send('POST', '/certificates?dry_run=true', body);
  }
  expect(statuses).toEqual([200, 200, 400, 400]);
}

async function readEverything(send: Send): Promise<void> {
  const paths = [
    ...['/', '/status', '/apis', '/plugins', '/plugins/enabled', '/plugins/schema/ssl', '/nodes'],
    ...['/apis/ec', '/apis/ec/plugins', '/events', '/state', '/hosts/ec.test/certificate'],
    ...['/tokens', '/master-key', '/log-level'],
  ];
  for (const path of paths) expect([path, (await send('GET', path)).status]).toEqual([path, 200]);
}

/** Ends development mode, so it comes last. */
async function plantToken(adminUrl: string, canaries: Canary[]): Promise<void> {
  const made = await fetch(`${adminUrl}/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'canary', scopes: ['read'] }),
  });
  const { token } = (await made.json()) as { token: string };
  const secret = token.slice(-43);
  canaries.push({ name: 'admin token', bytes: Buffer.from(secret) });
  canaries.push({ name: 'admin token', bytes: Buffer.from(secret, 'base64url') });
  for (const authorization of [`Bearer ${token}`, `Basic ${token}`, `Bearer x${token}`]) {
    const answer = await fetch(`${adminUrl}/events?${secret.slice(0, 3)}`, {
      headers: { authorization },
    });
    await answer.text();
    expect(answer.status).toBeGreaterThanOrEqual(400);
  }
}

/** Arguments and environment of the gateway and all it started; its own environment is the user's. */
function searchProcesses(hunt: CanaryHunt, pid: number, masterKey: Buffer): void {
  const own = readFileSync(`/proc/${pid}/environ`, 'latin1');
  expect(own).toContain(masterKey.toString('base64'));
  const all = descendants(pid);
  expect(all.length).toBeGreaterThanOrEqual(2);
  for (const each of [pid, ...all]) {
    hunt.search(`arguments of process ${each}`, readFileSync(`/proc/${each}/cmdline`));
    if (each !== pid)
      hunt.search(`environment of process ${each}`, readFileSync(`/proc/${each}/environ`));
  }
}

function searchFiles(hunt: CanaryHunt, directory: string): void {
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const path = join(directory, name);
    if (statSync(path).isFile()) hunt.search(`the file ${name}`, readFileSync(path));
  }
}

function fieldOf({ body }: AdminAnswer, name: string): string {
  const value = (body as Record<string, unknown>)[name];
  if (typeof value !== 'string') throw new Error(`no ${name} in the answer`);
  return value;
}
