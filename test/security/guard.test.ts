import { once } from 'node:events';
import { connect } from 'node:net';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AccessStore } from '../../control-plane/access/access-store.js';
import type { AccessMode } from '../../control-plane/access/bind-rule.js';
import type { CredentialRequest } from '../../control-plane/access/credential.js';
import {
  type AccessOptions,
  guardAdminApi,
  noteRefused,
  principalOf,
} from '../../control-plane/access/guard.js';
import { openGrants } from '../support/grants.js';
import { silentLogger } from '../support/silent-logger.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

async function guarded(mode: AccessMode, more: Partial<AccessOptions> = {}) {
  const time = { now: Date.parse('2026-06-01') };
  const clock = () => time.now;
  const directory = await temporaryDirectory();
  const store = new AccessStore({ log: await openGrants(directory), clock });
  const app = Fastify();
  guardAdminApi(app, {
    store,
    mode,
    clock,
    logger: silentLogger,
    requestHostOf: (api) => (api === 'shop' ? 'shop.test' : undefined),
    ...more,
  });
  const answerActor = async (request: FastifyRequest) => principalOf(request).actor;
  for (const url of ['/', '/apis', '/apis/:api', '/apis/:api/plugins', '/events', '/nodes']) {
    app.route({ method: ['GET', 'POST', 'PATCH', 'DELETE'], url, handler: answerActor });
  }
  app.get('/ready', answerActor);
  // An answer that goes on until somebody ends it, as an event stream.
  app.get('/events/live', (_request, reply) => {
    reply.hijack();
    reply.raw.writeHead(200).write('live\n');
  });
  app.get('/tokens', answerActor);
  app.route({ method: ['GET', 'PUT'], url: '/log-level', handler: answerActor });
  onTestFinished(() => app.close());
  const issue = (name: string, ...scopes: CredentialRequest['scopes']) =>
    store.issue({ name, scopes }, 'test');
  const ask = (
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS',
    url: string,
    headers: Record<string, string> = {},
    remoteAddress = '192.0.2.1',
  ) => app.inject({ method, url, headers: { host: 'localhost:8001', ...headers }, remoteAddress });
  const as = (token: string | undefined) => ({ authorization: `Bearer ${token}` });
  return { app, store, directory, time, issue, ask, as };
}

async function openStream(app: FastifyInstance, headers: Record<string, string> = {}) {
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  const answer = await fetch(`${url}/events/live`, { headers });
  expect(answer.status).toBe(200);
  return answer;
}

const wrongToken = `sgt_${'0'.repeat(16)}_${'A'.repeat(43)}`;

describe('a guarded admin API', () => {
  it('lets nobody in without a credential, and says what is needed', async () => {
    const { ask } = await guarded('guarded');
    for (const url of ['/', '/apis', '/events', '/nodes', '/tokens', '/nowhere']) {
      const answer = await ask('GET', url);
      expect([url, answer.statusCode]).toEqual([url, 401]);
      expect(answer.headers['www-authenticate']).toBe('Bearer realm="signet"');
    }
    expect((await ask('GET', '/ready')).statusCode).toBe(200);
  });

  it('tells a wrong token from a missing one, and says no more of it (RFC 6750)', async () => {
    const { issue, ask, as } = await guarded('guarded');
    const { token = '' } = await issue('ci', 'read');
    for (const wrong of [wrongToken, 'no-token', token.slice(0, -1)]) {
      const answer = await ask('GET', '/', as(wrong));
      expect([answer.statusCode, answer.json()]).toEqual([
        401,
        { message: 'The token is unknown or expired' },
      ]);
      expect(answer.headers['www-authenticate']).toBe(
        'Bearer realm="signet", error="invalid_token"',
      );
    }
    const basic = await ask('GET', '/', { authorization: 'Basic Y2k6Y2k=' });
    expect(basic.headers['www-authenticate']).toBe('Bearer realm="signet"');
    const weak = await ask('POST', '/apis', as(token));
    expect(weak.headers['www-authenticate']).toContain('error="insufficient_scope"');
  });

  it('names the credential as the actor', async () => {
    const { issue, ask, as } = await guarded('guarded');
    const { token } = await issue('ci', 'write');
    expect((await ask('POST', '/apis', as(token))).body).toBe('ci');
  });

  it.each([
    ['read', 'GET', '/apis', 200],
    ['read', 'POST', '/apis', 403],
    ['read', 'GET', '/events', 403],
    ['read', 'GET', '/nodes', 200],
    ['read', 'DELETE', '/nodes', 403],
    ['write', 'PATCH', '/apis/x', 200],
    ['write', 'GET', '/apis', 200],
    ['write', 'DELETE', '/nodes', 403],
    ['write', 'GET', '/tokens', 403],
    ['events', 'GET', '/events', 200],
    ['events', 'GET', '/apis', 403],
    ['nodes', 'DELETE', '/nodes', 200],
    ['nodes', 'POST', '/apis', 403],
    ['admin', 'GET', '/tokens', 200],
    ['read', 'GET', '/log-level', 200],
    ['write', 'PUT', '/log-level', 403],
    ['admin', 'PUT', '/log-level', 200],
    ['certificates:shop.test', 'POST', '/apis/shop/plugins', 200],
    ['certificates:shop.test', 'GET', '/apis/shop', 200],
    ['certificates:shop.test', 'PATCH', '/apis/shop', 403],
    ['certificates:shop.test', 'POST', '/apis/other/plugins', 403],
    ['certificates:shop.test', 'GET', '/apis', 403],
    ['certificates:other.test', 'POST', '/apis/shop/plugins', 403],
  ] as const)('with the scope %s: %s %s is answered %i', async (scope, method, url, status) => {
    const { issue, ask, as } = await guarded('guarded');
    const { token } = await issue('it', scope);
    expect((await ask(method, url, as(token))).statusCode).toBe(status);
  });

  it('refuses a token from the moment it is revoked', async () => {
    const { issue, ask, as, store } = await guarded('guarded');
    const { token, credential } = await issue('ci', 'admin');
    expect((await ask('GET', '/', as(token))).statusCode).toBe(200);
    await store.revoke(credential.id, 'test');
    const answer = await ask('GET', '/', as(token));
    expect([answer.statusCode, answer.json()]).toEqual([
      401,
      { message: "The credential 'ci' is revoked" },
    ]);
  });

  it('locks a guessing address out, longer each time, and nobody else', async () => {
    const { issue, ask, as, time } = await guarded('guarded');
    const { token } = await issue('ci', 'read');
    for (let i = 0; i < 5; i++) {
      expect((await ask('GET', '/', as(wrongToken))).statusCode).toBe(401);
    }
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      await ask('GET', '/', as(wrongToken));
      const answer = await ask('GET', '/', as(token));
      expect(answer.statusCode).toBe(429);
      waits.push(Number(answer.headers['retry-after']));
      time.now += Number(answer.headers['retry-after']) * 1000;
    }
    expect(waits).toEqual([1, 2, 4, 8]);
    await ask('GET', '/', as(wrongToken));
    expect((await ask('GET', '/', as(token), '192.0.2.2')).statusCode).toBe(200);
    time.now += 16_000;
    expect((await ask('GET', '/', as(token))).statusCode).toBe(200);
  });

  it.each([
    ['is revoked', 'at once'],
    ['is revoked by another process', 'soon'],
    ['expires', 'soon'],
  ])('ends an open stream when its credential %s, %s', async (how) => {
    const { app, store, time, directory } = await guarded('guarded');
    const { token, credential } = await store.issue(
      { name: 'w', scopes: ['events'], expiresAt: time.now + 300 },
      'test',
    );
    const stream = await openStream(app, { authorization: `Bearer ${token}` });
    if (how === 'expires') time.now += 300;
    else if (how === 'is revoked') await store.revoke(credential.id, 'test');
    else {
      const other = new AccessStore({ log: await openGrants(directory), clock: () => time.now });
      await other.revoke(credential.id, 'test');
    }
    await expect(stream.text()).rejects.toThrow();
  });

  it('counts a whole IPv6 network as one guesser', async () => {
    const { ask, as } = await guarded('guarded');
    for (let i = 1; i <= 6; i++) await ask('GET', '/', as(wrongToken), `2001:db8:0:7::${i}`);
    expect((await ask('GET', '/', as(wrongToken), '2001:db8:0:7:ffff::1')).statusCode).toBe(429);
    expect((await ask('GET', '/', as(wrongToken), '2001:db8:0:8::1')).statusCode).toBe(401);
  });

  it('does not lock out an address that shows an old token', async () => {
    const { issue, ask, as, store } = await guarded('guarded');
    const { token, credential } = await issue('old', 'read');
    await store.revoke(credential.id, 'test');
    for (let i = 0; i < 20; i++) {
      expect((await ask('GET', '/', as(token))).statusCode).toBe(401);
    }
  });

  it('answers 429 beyond the rate, to the caller that exceeds it alone', async () => {
    const { issue, ask, as, time } = await guarded('guarded', {
      requestLimits: { perSecond: 10, burst: 3 },
    });
    const { token: one } = await issue('one', 'read');
    const { token: other } = await issue('other', 'read');
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) statuses.push((await ask('GET', '/', as(one))).statusCode);
    expect(statuses).toEqual([200, 200, 200, 429]);
    expect((await ask('GET', '/', as(other))).statusCode).toBe(200);
    time.now += 100;
    expect((await ask('GET', '/', as(one))).statusCode).toBe(200);
  });

  it('lets few bad requests through where it lets many good ones', async () => {
    const { app, issue, ask, as } = await guarded('guarded', {
      requestLimits: { perSecond: 10, burst: 10, badRequestCost: 5 },
    });
    app.get('/bad', (_request, reply) => reply.code(400).send());
    const { token } = await issue('one', 'admin');
    const statuses: number[] = [];
    for (let i = 0; i < 3; i++) statuses.push((await ask('GET', '/bad', as(token))).statusCode);
    expect(statuses).toEqual([400, 400, 429]);
  });

  it('counts each refused entry of a request that is answered as done', async () => {
    const { app, issue, ask, as } = await guarded('guarded', {
      requestLimits: { perSecond: 10, burst: 10, badRequestCost: 5 },
    });
    app.post('/certificates', (request, reply) => {
      noteRefused(request, { refused: 2, of: 3 });
      reply.send([]);
    });
    const { token } = await issue('one', 'admin');
    const statuses: number[] = [];
    for (let i = 0; i < 3; i++) {
      statuses.push((await ask('POST', '/certificates', as(token))).statusCode);
    }
    expect(statuses).toEqual([200, 429, 429]);
  });

  it('answers a flood of strangers late, and known callers meanwhile', async () => {
    const refusalPace = { perSecond: 4, burst: 2 };
    const { issue, ask, as } = await guarded('guarded', { refusalPace });
    const { token } = await issue('one', 'read');
    const answered: string[] = [];
    const note = async (who: string, asked: ReturnType<typeof ask>) => {
      answered.push(`${who} ${(await asked).statusCode}`);
    };
    await note('first', ask('GET', '/'));
    await note('second', ask('GET', '/', as(wrongToken)));
    const third = note('third', ask('GET', '/'));
    await note('known', ask('GET', '/', as(token)));
    await third;
    expect(answered).toEqual(['first 401', 'second 401', 'known 200', 'third 401']);
  });

  it('holds no answer for a caller who has gone', async () => {
    const refusalPace = { perSecond: 0.001, burst: 0, longestMs: 600_000 };
    const { app } = await guarded('guarded', { refusalPace });
    const answered = new Promise<void>((resolve) => {
      app.addHook('onSend', async () => resolve());
    });
    const url = new URL(await app.listen({ port: 0, host: '127.0.0.1' }));
    const arrived = once(app.server, 'request');
    const caller = connect(Number(url.port), url.hostname);
    caller.write('GET /apis HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await arrived;
    caller.destroy();
    await answered;
  });

  it('lets strangers ask for little more than health, each network for itself', async () => {
    const { ask } = await guarded('guarded');
    const statuses: number[] = [];
    for (let i = 0; i < 201; i++) statuses.push((await ask('GET', '/ready')).statusCode);
    expect(statuses.lastIndexOf(200)).toBe(199);
    expect(statuses.at(-1)).toBe(429);
    expect((await ask('GET', '/ready', {}, '192.0.2.2')).statusCode).toBe(200);
  });
});

describe('development mode', () => {
  it('lets this machine do everything, as the actor development', async () => {
    const { ask } = await guarded('development');
    expect((await ask('POST', '/apis')).body).toBe('development');
    for (const host of ['127.0.0.1:8001', '[::1]:8001', 'LOCALHOST', '127.0.0.1']) {
      expect((await ask('GET', '/', { host })).statusCode).toBe(200);
    }
  });

  it('ends for good with the first credential', async () => {
    const { ask, as, issue, store } = await guarded('development');
    const { token, credential } = await issue('first', 'admin');
    expect((await ask('GET', '/')).statusCode).toBe(401);
    expect((await ask('GET', '/', as(token))).statusCode).toBe(200);
    await store.revoke(credential.id, 'first');
    expect((await ask('GET', '/')).statusCode).toBe(401);
  });

  it('ends its open streams with the first credential', async () => {
    const { app, issue } = await guarded('development');
    const stream = await openStream(app);
    await issue('first', 'admin');
    await expect(stream.text()).rejects.toThrow();
  });

  it.each(['evil.test:8001', '127.0.0.1.evil.test', 'evil.test@127.0.0.1', '127.0.0.1/x'])(
    'refuses the Host %o, to which a page may have rebound its name',
    async (host) => {
      const { ask } = await guarded('development');
      expect((await ask('GET', '/', { host })).statusCode).toBe(403);
    },
  );

  it.each([
    [{ origin: 'https://evil.test' }],
    [{ origin: 'null' }],
    [{ origin: 'http://localhost.evil.test' }],
    [{ 'sec-fetch-site': 'cross-site' }],
  ])('refuses changes that a page of another site sends: %o', async (headers) => {
    const { ask } = await guarded('development');
    expect((await ask('POST', '/apis', headers)).statusCode).toBe(403);
    expect((await ask('GET', '/apis', headers)).statusCode).toBe(200);
  });

  it.each([
    [{ origin: 'http://localhost:3000' }],
    [{ origin: 'http://127.0.0.1:8001', 'sec-fetch-site': 'same-origin' }],
    [{ 'sec-fetch-site': 'none' }],
  ])('takes changes from pages of this machine: %o', async (headers) => {
    const { ask } = await guarded('development');
    expect((await ask('POST', '/apis', headers)).statusCode).toBe(200);
  });
});
