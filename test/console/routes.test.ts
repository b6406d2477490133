import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { addConsoleRoutes } from '../../control-plane/admin-api/routes/console.js';
import { addHostRoutes } from '../../control-plane/admin-api/routes/hosts.js';
import { HostDirectory } from '../../control-plane/projections/host-directory.js';
import { startAdmin } from '../support/admin-server.js';
import { makePairs } from '../support/pairs.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const html = '<!doctype html><title>console</title>';

async function startConsole() {
  const directory = await temporaryDirectory();
  await mkdir(join(directory, 'assets'));
  await writeFile(join(directory, 'index.html'), html);
  await writeFile(join(directory, 'assets/index-abc.js'), 'void 0;');
  await writeFile(join(directory, 'assets/index-abc.js.br'), brotliCompressSync('void 0;'));
  return startAdmin({ extensions: [(server) => addConsoleRoutes(server, directory)] });
}

describe('GET /console', () => {
  it('serves the page at every path of its own, under a strict policy and never from a cache', async () => {
    const { url } = await startConsole();
    for (const path of ['/console', '/console/', '/console/hosts/a.example', '/console/nodes']) {
      const answer = await fetch(`${url}${path}`);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(answer.headers.get('cache-control')).toBe('no-cache');
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
      const policy = answer.headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toMatch(/unsafe|data:|https?:|\*/);
      expect(await answer.text()).toBe(html);
    }
  });

  it('lets hashed files be kept for good, compressed for who takes that', async () => {
    const { url } = await startConsole();
    const answer = await fetch(`${url}/console/assets/index-abc.js`, {
      headers: { 'accept-encoding': 'gzip, br' },
    });
    expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(answer.headers.get('content-encoding')).toBe('br');
    expect(await answer.text()).toBe('void 0;');
    const etag = answer.headers.get('etag') ?? '';
    const again = await fetch(`${url}/console/assets/index-abc.js`, {
      headers: { 'if-none-match': etag },
    });
    expect(again.status).toBe(304);
    const plain = await fetch(`${url}/console/assets/index-abc.js`, {
      headers: { 'accept-encoding': 'identity' },
    });
    expect(plain.headers.get('content-encoding')).toBeNull();
  });

  it.each([
    '/console/assets/index-old.js',
    '/console/assets/../index.html.br',
    '/console/assets/%2e%2e%2f%2e%2e%2fpackage.json',
  ])('never gives another file: %s', async (path) => {
    const { url } = await startConsole();
    const answer = await fetch(`${url}${path}`);
    const text = await answer.text();
    expect(answer.status === 404 || text === html).toBe(true);
  });

  it('says so where it is not built', async () => {
    const directory = join(await temporaryDirectory(), 'missing');
    const { send } = await startAdmin({
      extensions: [(server) => addConsoleRoutes(server, directory)],
    });
    const answer = await send('GET', '/console');
    expect(answer.status).toBe(404);
    expect(answer.text).toContain('npm run build');
  });
});

describe('GET /hosts', () => {
  const pairs = makePairs();

  async function startWithHosts() {
    let directory: HostDirectory | undefined;
    const admin = await startAdmin({
      extensions: [
        (server, context) =>
          addHostRoutes(server, context, () => {
            directory ??= new HostDirectory(context.folded);
            return directory;
          }),
      ],
    });
    for (const name of ['a', 'b', 'c']) {
      const body = { name, request_host: `${name}.test`, upstream_url: 'http://127.0.0.1:9' };
      expect((await admin.send('POST', '/apis', body)).status).toBe(201);
    }
    const config = { cert: pairs.a.cert, key: pairs.a.key };
    const bound = await admin.send('POST', '/apis/a/plugins', { name: 'ssl', config });
    expect(bound.status).toBe(201);
    return admin;
  }

  it('lists hosts with their certificates, by page, search and order', async () => {
    const { send } = await startWithHosts();
    const page = await send('GET', '/hosts?offset=1&limit=1');
    expect(page.json).toMatchObject({ total: 3, data: [{ host: 'b.test' }] });
    const found = await send('GET', '/hosts?search=A.te&order=expiry&bound=true');
    expect(found.json).toMatchObject({
      total: 1,
      data: [{ host: 'a.test', api: { name: 'a' }, certificate: { key_algorithm: 'p-256' } }],
    });
    expect(found.text).not.toContain('PRIVATE KEY');
    expect((await send('GET', '/hosts?expires_until=2020-01-01T00:00:00Z')).json['total']).toBe(0);
  });

  it('shows one host with its names and chain', async () => {
    const { send } = await startWithHosts();
    const { json } = await send('GET', '/hosts/A.test');
    expect(json).toMatchObject({
      host: 'a.test',
      certificate: { names: ['a.test'], chain: [{ subject: 'a.test', issuer: 'a.test' }] },
      only_https: false,
    });
    expect((await send('GET', '/hosts/b.test')).json['certificate']).toBeUndefined();
    expect((await send('GET', '/hosts/none.test')).status).toBe(404);
  });

  it.each(['order=size', 'offset=-1', 'limit=0', 'bound=maybe', 'expires_from=soon', 'what=1'])(
    'refuses ?%s with a problem that names it',
    async (query) => {
      const { send } = await startWithHosts();
      const answer = await send('GET', `/hosts?${query}`);
      expect(answer.status).toBe(400);
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
    },
  );
});
