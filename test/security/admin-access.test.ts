import { writeFile } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { openAdminAccess } from '../../control-plane/access/admin-access.js';
import type { FoldedLog } from '../../control-plane/application/folded-log.js';
import type { ApiId } from '../../shared/gateway-model.js';
import { type AdminUnderTest, startAdmin } from '../support/admin-server.js';
import { openStores, silentLogger } from '../support/control-plane.js';
import { openGrants } from '../support/grants.js';
import { OpensslBench } from '../support/openssl.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const bench = new OpensslBench();
afterAll(() => bench.dispose());

interface Setup {
  readonly host?: string;
  readonly tls?: boolean;
}

async function startGuarded({ host = '127.0.0.1', tls = false }: Setup = {}) {
  const dataDir = await temporaryDirectory();
  let tlsFiles: { certPath: string; keyPath: string } | undefined;
  if (tls) {
    tlsFiles = { certPath: join(dataDir, 'admin.pem'), keyPath: join(dataDir, 'admin.key') };
    const key = bench.key('EC', 'ec_paramgen_curve:P-256');
    await writeFile(tlsFiles.certPath, bench.certificate(key));
    await writeFile(tlsFiles.keyPath, key, { mode: 0o600 });
  }
  const stores = await openStores();
  let folded: FoldedLog | undefined;
  const access = await openAdminAccess({
    grantLog: await openGrants(dataDir),
    listen: { host, port: 8001 },
    tlsFiles,
    requestHostOf: (nameOrId) => {
      const state = folded?.state;
      const id = state?.apiIdByName.get(nameOrId) ?? (nameOrId as ApiId);
      return state?.apis.get(id)?.requestHost;
    },
    clock: Date.now,
    logger: silentLogger,
  });
  const admin = await startAdmin(
    { ...access.callers, tls: access.tls, extensions: [access.extend] },
    stores,
  );
  folded = admin.plane.folded;
  onTestFinished(() => admin.close());
  return { access, admin, dataDir };
}

const bearer = (token: string | undefined) => ({ authorization: `Bearer ${token}` });

async function makeToken(admin: AdminUnderTest, body: object, headers = {}) {
  const answer = await admin.send('POST', '/tokens', JSON.stringify(body), {
    'content-type': 'application/json',
    ...headers,
  });
  return { status: answer.status, body: answer.json as unknown as Record<string, string> };
}

function pemFor(host: string) {
  const key = bench.key('EC', 'ec_paramgen_curve:P-256');
  return { cert: bench.certificate(key, { names: [host] }), key };
}

function pairFor(host: string) {
  const { cert, key } = pemFor(host);
  const form = new FormData();
  form.set('name', 'ssl');
  form.set('config.cert', cert);
  form.set('config.key', key);
  return form;
}

const addApi = (admin: AdminUnderTest, name: string, headers = {}) =>
  admin.send(
    'POST',
    '/apis',
    new URLSearchParams({ name, request_host: `${name}.test`, upstream_url: 'http://u.test' }),
    headers,
  );

describe('access to the admin API', () => {
  it('goes from development mode to tokens with the first one, which every event then names', async () => {
    const { admin, access } = await startGuarded();
    expect(access.firstToken).toBeUndefined();
    expect((await addApi(admin, 'a')).status).toBe(201);

    const made = await makeToken(admin, { name: 'ops', scopes: ['admin'] });
    expect(made.status).toBe(201);
    expect(made.body['created_by']).toBe('development');
    expect((await addApi(admin, 'b')).status).toBe(401);
    expect((await addApi(admin, 'b', bearer(made.body['token']))).status).toBe(201);

    const actors: string[] = [];
    for await (const batch of admin.plane.log.read(0 as never)) {
      actors.push(
        ...batch.map(({ metadata }) => JSON.parse(Buffer.from(metadata).toString()).actor),
      );
    }
    expect(actors).toEqual(['development', 'ops']);
  });

  it('shows a token once, and never again in a list', async () => {
    const { admin } = await startGuarded();
    const { body } = await makeToken(admin, { name: 'ops', scopes: 'admin' });
    const list = await admin.send('GET', '/tokens', undefined, bearer(body['token']));
    expect(list.status).toBe(200);
    const secret = body['token']?.slice(-43) ?? '';
    expect(JSON.stringify(list.json)).toContain(body['id']);
    expect(JSON.stringify(list.json)).not.toContain(secret);
  });

  it('lets only admin credentials make others', async () => {
    const { admin } = await startGuarded();
    const { body } = await makeToken(admin, { name: 'ops', scopes: ['admin'] });
    const writer = await makeToken(admin, { name: 'w', scopes: ['write'] }, bearer(body['token']));
    expect(
      (await makeToken(admin, { name: 'x', scopes: ['admin'] }, bearer(writer.body['token'])))
        .status,
    ).toBe(403);
    const revoked = await admin.send(
      'DELETE',
      `/tokens/${writer.body['id']}`,
      undefined,
      bearer(body['token']),
    );
    expect(revoked.status).toBe(204);
    expect((await addApi(admin, 'c', bearer(writer.body['token']))).status).toBe(401);
  });

  it.each([
    [{ scopes: ['read'] }, 'name'],
    [{ name: 'a', scopes: ['everything'] }, 'scopes'],
    [{ name: 'a', scopes: [{}] }, 'scopes'],
    [{ name: 'a', scopes: ['read'], expires_at: 'soon' }, 'expires_at'],
    [{ name: 'a', scopes: ['read'], certificate: 'x' }, 'certificate'],
    [{ name: 'a', scopes: ['read'], __proto__x: 1 }, '__proto__x'],
  ])('refuses a credential as in %o', async (body, field) => {
    const { admin } = await startGuarded();
    const answer = await makeToken(admin, body);
    expect([answer.status, Object.keys(answer.body)]).toEqual([400, [field]]);
  });

  it('keeps a credential for the certificates of one host to that host', async () => {
    const { admin } = await startGuarded();
    await addApi(admin, 'mine');
    await addApi(admin, 'other');
    const ops = bearer((await makeToken(admin, { name: 'ops', scopes: ['admin'] })).body['token']);
    const { body } = await makeToken(
      admin,
      { name: 'acme', scopes: ['certificates:mine.test'] },
      ops,
    );
    const acme = bearer(body['token']);

    const added = await admin.send('POST', '/apis/mine/plugins', pairFor('mine.test'), acme);
    expect(added.status).toBe(201);
    const { id } = added.json as unknown as { id: string };
    const of = async (name: string) =>
      (await admin.send('GET', `/apis/${name}`, undefined, ops)).json as unknown as { id: string };
    const other = await of('other');

    const json = { 'content-type': 'application/json', ...acme };
    const path = `/apis/mine/plugins/${id}`;
    const move = JSON.stringify({ api_id: other.id });
    expect((await admin.send('PATCH', path, move, json)).status).toBe(403);
    expect((await admin.send('PATCH', `${path}?dry_run=true`, move, json)).status).toBe(403);
    expect((await admin.send('POST', '/apis/other/plugins', pairFor('x'), acme)).status).toBe(403);
    expect((await admin.send('POST', '/plugins', pairFor('x'), acme)).status).toBe(403);
    expect((await admin.send('DELETE', '/apis/mine', undefined, acme)).status).toBe(403);
    expect((await admin.send('GET', '/apis', undefined, acme)).status).toBe(403);
    const bind = (entry: object) =>
      admin.send('POST', '/certificates', JSON.stringify({ certificates: [entry] }), json);
    const config = pemFor('mine.test');
    const api = { upstream_url: 'http://127.0.0.1:9000' };
    expect((await bind({ request_host: 'mine.test', api, config })).status).toBe(200);
    expect((await bind({ request_host: 'other.test', config })).status).toBe(403);
    // No API of its own, not even for a host that it covers.
    await admin.send('DELETE', '/apis/other', undefined, ops);
    const beyond = JSON.stringify({ name: 'wide', scopes: ['certificates:*.wide.test'] });
    const wide = await admin.send('POST', '/tokens', beyond, { ...json, ...ops });
    const widened = { 'content-type': 'application/json', ...bearer(`${wide.json['token']}`) };
    const fresh = { request_host: 'a.wide.test', api, config };
    const body2 = JSON.stringify({ certificates: [fresh] });
    expect((await admin.send('POST', '/certificates', body2, widened)).status).toBe(403);

    const off = JSON.stringify({ enabled: false });
    expect((await admin.send('PATCH', path, off, json)).status).toBe(200);
    expect((await admin.send('DELETE', path, undefined, acme)).status).toBe(204);
  });

  it('makes the first token where TLS is asked for, and takes nobody without', async () => {
    const { admin, access, dataDir } = await startGuarded({ tls: true, host: '0.0.0.0' });
    expect(access.firstToken).toMatch(/^sgt_/);
    const url = admin.url.replace('http:', 'https:');
    expect(await overTls(url)).toBe(401);
    expect(await overTls(url, bearer(access.firstToken))).toBe(200);
    await expect(fetch(admin.url)).rejects.toThrow();

    const again = await openAdminAccess({
      grantLog: await openGrants(dataDir),
      listen: { host: '0.0.0.0', port: 8001 },
      tlsFiles: { certPath: join(dataDir, 'admin.pem'), keyPath: join(dataDir, 'admin.key') },
      requestHostOf: () => undefined,
      clock: Date.now,
      logger: silentLogger,
    });
    expect(again.firstToken).toBeUndefined();
  });

  it('lets a client certificate in that is known, as its own actor, and no other', async () => {
    const { admin, access } = await startGuarded({ tls: true });
    const url = admin.url.replace('http:', 'https:');
    const known = clientPair();
    const body = JSON.stringify({ name: 'robot', scopes: ['read'], certificate: known.cert });
    const headers = { ...bearer(access.firstToken), 'content-type': 'application/json' };
    expect(await overTls(`${url}/tokens`, headers, {}, 'POST', body)).toBe(201);

    expect(await overTls(url, {}, known)).toBe(200);
    expect(await overTls(url, {}, clientPair())).toBe(401);
    expect(await twiceOverTls(url, known)).toEqual([
      [200, false],
      [200, true],
    ]);
    expect(await overTls(`${url}/tokens`, {}, known)).toBe(403);
    // A browser shows a client certificate by itself: a page of another site gets nothing changed.
    const foreign = { origin: 'https://evil.test', 'content-type': 'application/json' };
    expect(await overTls(`${url}/apis`, foreign, known, 'POST', '{}')).toBe(403);
  });
});

function clientPair() {
  const key = bench.key('EC', 'ec_paramgen_curve:P-256');
  return { key, cert: bench.certificate(key, { subject: '/CN=client' }) };
}

/** Status of a request over TLS, on a connection of its own. */
function overTls(
  url: string,
  headers: Record<string, string> = {},
  client: { cert?: string; key?: string } = {},
  method = 'GET',
  body?: string,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { method, headers, ...client, rejectUnauthorized: false, agent: false };
    const request = httpsRequest(url, options, (response) => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0));
    });
    request.once('error', reject).end(body);
  });
}

/** Statuses of two requests, the second on a connection that resumes the session of the first. */
async function twiceOverTls(url: string, client: { cert: string; key: string }) {
  const seen: [number, boolean][] = [];
  let session: Buffer | undefined;
  for (let turn = 0; turn < 2; turn++) {
    const { hostname, port } = new URL(url);
    const socket = connect({
      host: hostname,
      port: Number(port),
      ...client,
      ...(session && { session }),
      rejectUnauthorized: false,
    });
    onTestFinished(() => void socket.destroy());
    socket.on('session', (fresh: Buffer) => {
      session = fresh;
    });
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    let text = '';
    let isReused = false;
    for await (const chunk of socket) {
      isReused = socket.isSessionReused();
      text += String(chunk);
    }
    seen.push([Number(text.slice(9, 12)), isReused]);
  }
  return seen;
}
