import { afterAll, describe, expect, it } from 'vitest';
import type { UpstreamServer } from '../../shared/gateway-model.js';
import { answering, useScene } from './support/scene.js';
import { TlsFiles } from './support/tls-files.js';

const scene = useScene();
const named = new TlsFiles('DNS:up.test');
afterAll(() => named.remove());

const get = 'GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n';
const says = (text: string, status = '200 OK') =>
  `HTTP/1.1 ${status}\r\nContent-Length: ${text.length}\r\n\r\n${text}`;

function at({ port }: { readonly port: number }, weight = 1): UpstreamServer {
  return { host: '127.0.0.1', port, weight };
}

/** A port that nothing listens on. */
async function deadPort(): Promise<{ port: number }> {
  const up = await scene.upstream(says('never'));
  const { port } = up;
  await up.close();
  return { port };
}

async function serve(upstreamTargets: readonly UpstreamServer[], options: object = {}) {
  const apis = [{ host: 'a.test', upstream: 'http://up.test:81', reach: { upstreamTargets } }];
  const gateway = await scene.gateway({ apis, ...options });
  const client = await scene.client(gateway.httpPort);
  return {
    gateway,
    ask: async () => {
      client.send(get);
      const answer = await client.response();
      return { status: answer?.status, body: answer?.body.toString() };
    },
  };
}

type Ask = Awaited<ReturnType<typeof serve>>['ask'];

/** How often each answer came in `count` requests, one after the other. */
async function tally(ask: Ask, count: number) {
  const counts: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const { status, body } = await ask();
    const key = status === 200 ? String(body) : String(status);
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

describe('requests to an upstream with several targets', () => {
  it('go to each by its weight, with Host and path of the URL', async () => {
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((text) => scene.upstream(says(text))));
    if (!a || !b || !c) throw new Error('three upstreams');
    const { ask } = await serve([at(a, 3), at(b), at(c)]);
    expect(await tally(ask, 50)).toEqual({ a: 30, b: 10, c: 10 });
    for (const up of [a, b, c]) {
      expect(up.sides.length).toBe(1);
      expect(up.sides[0]?.received()).toContain('GET /x HTTP/1.1\r\nhost: up.test:81\r\n');
    }
  });

  it('go to the one with fewer requests under way', async () => {
    const slow = await scene.upstream(() => undefined);
    const quick = await scene.upstream(says('quick'));
    const { gateway } = await serve([at(slow), at(quick)]);
    let answered = 0;
    for (let i = 0; i < 10; i++) {
      const client = await scene.client(gateway.httpPort);
      client.send(get);
      void client.response().then((answer) => {
        if (answer?.status === 200) answered++;
      });
      await until(() => answered + slow.sides.length === i + 1);
    }
    expect([answered, slow.sides.length]).toEqual([9, 1]);
  });

  it('that can’t be reached go to another, and the client notices nothing', async () => {
    const dead = await deadPort();
    const alive = await scene.upstream(says('alive'));
    // In a process of its own: its counters are looked at.
    const limits = { maxEjectForMs: 299_000 };
    const { gateway, ask } = await serve([at(dead), at(alive)], { limits });
    expect(await tally(ask, 20)).toEqual({ alive: 20 });
    const line = await gateway.logged({ port: dead.port });
    expect(line).toMatchObject({
      level: 'warn',
      message: 'upstream endpoint ejected',
      fields: {
        upstream: 'http://up.test:81',
        host: '127.0.0.1',
        failures: 3,
        ejectedForMs: 10000,
      },
    });
    const { counters } = await gateway.measure();
    expect(counters).toMatchObject({ endpointEjections: 1, endpointsEjected: 1 });
  });

  it('are answered 502 where none can be reached', async () => {
    const dead = await Promise.all([deadPort(), deadPort(), deadPort(), deadPort()]);
    const { ask } = await serve(dead.map((each) => at(each)));
    expect(await tally(ask, 3)).toEqual({ 502: 3 });
  });

  it.each([
    ['503', 'are kept from one that answers 503'],
    ['500', 'are not kept from one that answers 500: that may be the request’s fault'],
  ])('%s %s', async (status) => {
    const bad = await scene.upstream(says('bad', `${status} No`));
    const good = await scene.upstream(says('good'));
    const { ask } = await serve([at(bad), at(good)]);
    const expected = status === '503' ? { 503: 3, good: 17 } : { 500: 10, good: 10 };
    expect(await tally(ask, 20)).toEqual(expected);
  });

  it('are kept from one that breaks off or never answers', async () => {
    const silent = await scene.upstream(() => () => undefined);
    const broken = await scene.upstream(
      () =>
        ({ socket }) =>
          socket.destroy(),
    );
    const good = await Promise.all([scene.upstream(says('good')), scene.upstream(says('good'))]);
    const targets = [at(silent), at(broken), ...good.map((each) => at(each))];
    const limits = { responseTimeoutMs: 100, ejectAfterFailures: 2 };
    const { ask } = await serve(targets, { limits });
    expect(await tally(ask, 8)).toEqual({ 504: 2, 502: 2, good: 4 });
    expect(await tally(ask, 8)).toEqual({ good: 8 });
  });

  it('go to one again once its time is over, and it is ejected at its first failure', async () => {
    let isWell = false;
    const moody = await scene.upstream(
      answering(() => (isWell ? says('moody') : says('', '503 No'))),
    );
    const good = await scene.upstream(says('good'));
    const limits = { ejectAfterFailures: 2, ejectForMs: 100, connectTimeoutMs: 200 };
    const { gateway, ask } = await serve([at(moody), at(good)], { limits });
    expect(await tally(ask, 4)).toEqual({ 503: 2, good: 2 });
    await gateway.logged({ ejectedForMs: 100 });
    await until(async () => (await ask()).status === 503);
    await until(async () => (await gateway.measure()).counters.endpointEjections === 2);
    isWell = true;
    await until(async () => (await ask()).body === 'moody');
    const back = await gateway.report<{ type: string; message: string }>(
      (report) => (report as { message?: string }).message === 'upstream endpoint back in rotation',
    );
    expect(back.type).toBe('log');
    await until(async () => (await gateway.measure()).counters.endpointsEjected === 0);
    expect(Object.keys(await tally(ask, 6))).toEqual(expect.arrayContaining(['moody', 'good']));
  });

  it('go to all again when too few are left', async () => {
    const bad = await Promise.all([1, 2, 3].map(() => scene.upstream(says('bad', '503 No'))));
    const good = await scene.upstream(says('good'));
    const limits = { ejectAfterFailures: 1 };
    const { ask } = await serve(
      [...bad, good].map((each) => at(each)),
      { limits },
    );
    const counts = await tally(ask, 40);
    // One of four left is less than half: all take their turns, so 30 of 40 fail.
    expect(counts['503']).toBeGreaterThan(20);
    expect(counts['good']).toBeGreaterThan(5);
  });
});

describe('an upstream’s TLS', () => {
  async function ask(reach: object) {
    const api = { host: 'a.test', upstream: 'https://up.test', reach };
    const gateway = await scene.gateway({ apis: [api] });
    const client = await scene.client(gateway.httpPort);
    client.send(get);
    const answer = await client.response();
    return answer?.headers['proxy-status'] ?? answer?.status;
  }

  it('is verified by the API’s own roots, for the URL’s name, at every target', async () => {
    const tls = { cert: named.cert, key: named.key };
    const up = await scene.upstream(
      answering(() => says('ok')),
      tls,
    );
    const targets = { upstreamTargets: [at(up)] };
    const wrong = new TlsFiles('DNS:up.test');
    const refused = 'signet; error=tls_certificate_error';
    expect(await ask(targets)).toBe(refused);
    expect(await ask({ ...targets, upstreamCa: wrong.cert })).toBe(refused);
    expect(await ask({ ...targets, upstreamCa: named.cert })).toBe(200);
    expect(await ask({ ...targets, upstreamVerify: false })).toBe(200);
    expect(await ask({ ...targets, upstreamVerify: true })).toBe(refused);
    wrong.remove();
  });
});

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}
