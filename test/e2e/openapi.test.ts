import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type ApiDescription,
  type DescribedAnswer,
  type DescribedOperation,
  expectDescribed,
} from '../support/api-description.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { ScratchDirectory } from '../support/scratch-directory.js';
import { type IssuedCertificate, TestCa } from '../support/test-ca.js';

type Values = Readonly<Record<string, unknown>>;

interface Example {
  /** Of the path. */
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly body?: Values;
}

interface Answer extends DescribedAnswer {
  readonly json: Values;
}

describe('/openapi.json of a running control plane with a node', { timeout: 120_000 }, () => {
  const directory = new ScratchDirectory();
  let gateway: GatewayProcess;
  let description: ApiDescription;
  let pair: IssuedCertificate;
  let admin: string;
  let reader: string;

  const send = async (
    method: string,
    path: string,
    { body, token = admin }: { readonly body?: unknown; readonly token?: string | undefined } = {},
  ): Promise<Answer> => {
    const response = await fetch(`${gateway.adminUrl}${path}`, {
      method,
      headers: {
        ...(token !== undefined && token !== '' && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const { status, headers } = response;
    return { status, headers, text, json: text === '' ? {} : JSON.parse(text) };
  };
  const created = async (path: string, body: Values): Promise<string> => {
    const answer = await send('POST', path, { body });
    expect(answer.status, answer.text).toBe(201);
    return String(answer.json['id']);
  };

  let count = 0;
  const newApi = () => {
    const name = `t${++count}`;
    return { name, request_host: `${name}.test`, upstream_url: 'http://127.0.0.1:9' };
  };
  const ssl = () => ({ name: 'ssl', config: { cert: pair.cert, key: pair.key } });
  const bound = async () => {
    const api = newApi();
    await created('/apis', api);
    const id = await created(`/apis/${api.name}/plugins`, ssl());
    return { api: api.name, id, host: api.request_host };
  };
  const unbound = async () => {
    const api = newApi();
    await created('/apis', api);
    return { api: api.name };
  };
  const nodeName = async () => {
    const { json } = await send('GET', '/nodes');
    return { node: String((json['data'] as Values[])[0]?.['name']) };
  };
  const everywhere = async (): Promise<Example> => {
    const plugin = (await send('GET', '/plugins')).json['data'] as Values[];
    for (const { id, api_id } of plugin) {
      if (api_id === undefined) await send('DELETE', `/plugins/${id}`);
    }
    return { body: ssl() };
  };

  /** What each operation is asked, so that it has something to answer. */
  const examples: Readonly<Record<string, () => Promise<Example>>> = {
    'GET /': async () => ({}),
    'GET /live': async () => ({}),
    'GET /status': async () => ({}),
    'GET /apis': async () => ({ query: 'size=1' }),
    'POST /apis': async () => ({ body: newApi() }),
    'PUT /apis': async () => ({ body: newApi() }),
    'GET /apis/{api}': async () => ({ path: await unbound() }),
    'PATCH /apis/{api}': async () => ({ path: await unbound(), body: { preserve_host: true } }),
    'DELETE /apis/{api}': async () => ({ path: await unbound() }),
    'GET /apis/{api}/plugins': async () => ({ path: await bound() }),
    'POST /apis/{api}/plugins': async () => ({ path: await unbound(), body: ssl() }),
    'PUT /apis/{api}/plugins': async () => ({ path: await unbound(), body: ssl() }),
    'GET /apis/{api}/plugins/{id}': async () => ({ path: await bound() }),
    'PATCH /apis/{api}/plugins/{id}': async () => ({
      ...{ path: await bound(), body: { enabled: false } },
    }),
    'DELETE /apis/{api}/plugins/{id}': async () => ({ path: await bound() }),
    'GET /plugins': async () => ({ query: 'name=ssl&size=2' }),
    'POST /plugins': everywhere,
    'PUT /plugins': everywhere,
    'GET /plugins/enabled': async () => ({}),
    'GET /plugins/schema/{name}': async () => ({ path: { name: 'ssl' } }),
    'GET /plugins/{id}': async () => ({ path: await bound() }),
    'PATCH /plugins/{id}': async () => ({ path: await bound(), body: { enabled: false } }),
    'DELETE /plugins/{id}': async () => ({ path: await bound() }),
    'POST /certificates': async () => ({
      body: { certificates: [{ request_host: (await bound()).host, config: ssl().config }] },
    }),
    'GET /tokens': async () => ({ query: 'size=1' }),
    'POST /tokens': async () => ({ body: { name: `token-${++count}`, scopes: ['read'] } }),
    'DELETE /tokens/{id}': async () => ({
      path: { id: await created('/tokens', { name: `token-${++count}`, scopes: ['read'] }) },
    }),
    'GET /session': async () => ({}),
    'GET /nodes': async () => ({ query: 'connected=true' }),
    'POST /nodes/join-tokens': async () => ({ body: { ttl_seconds: 60 } }),
    'GET /nodes/applied/{revision}': async () => ({ path: { revision: '1' } }),
    'GET /nodes/{node}': async () => ({ path: await nodeName() }),
    'GET /nodes/{node}/served': async () => ({ path: await nodeName() }),
    'GET /events': async () => ({ query: 'limit=5&order=desc' }),
    'GET /state': async () => ({ query: 'revision=1' }),
    'GET /hosts/{host}/certificate': async () => ({ path: await bound() }),
    'POST /rollback': async () => ({ body: { revision: 1, api: (await bound()).api } }),
    'GET /master-key': async () => ({}),
    'POST /master-key/rotations': async () => ({ body: {} }),
    'GET /log-level': async () => ({}),
    'PUT /log-level': async () => ({ body: { level: 'warn' } }),
    'GET /hosts': async () => ({ query: 'order=expiry&bound=true&limit=1' }),
    'GET /hosts/{host}': async () => ({ path: await bound() }),
    'GET /overview': async () => ({}),
    // The last: there is one node.
    'DELETE /nodes/{node}': async () => ({ path: await nodeName() }),
  };

  const operations = (): [string, DescribedOperation][] =>
    Object.entries(description.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]): [string, DescribedOperation] => [
        `${method.toUpperCase()} ${path}`,
        operation,
      ]),
    );
  const filled = (pattern: string, { path = {}, query }: Example) => {
    const [method = '', route = ''] = pattern.split(' ');
    const named = route.replace(/\{(\w+)\}/g, (_, name: string) => path[name] ?? 'none');
    return [method, query === undefined ? named : `${named}?${query}`] as const;
  };

  beforeAll(async () => {
    pair = await (await TestCa.create()).issue(['conforming.test']);
    gateway = await GatewayProcess.start({
      dataDir: directory.path('data'),
      flags: ['--workers', '1'],
    });
    const made = async (name: string, scope: string, token: string) => {
      const { json } = await send('POST', '/tokens', { body: { name, scopes: [scope] }, token });
      return String(json['token']);
    };
    admin = await made('tester', 'admin', '');
    reader = await made('reader', 'read', admin);
    const { json } = await send('GET', '/openapi.json');
    description = json as unknown as ApiDescription; // what it holds is what is tested
  }, 60_000);
  afterAll(async () => {
    await gateway?.kill();
    await directory.remove();
  });

  it('has an example of every operation, and describes every one there is an example of', () => {
    const described = operations().map(([pattern]) => pattern);
    expect(new Set(Object.keys(examples))).toEqual(new Set(described));
  });

  it('describes the body of every operation that takes one', async () => {
    for (const [pattern, { requestBody }] of operations()) {
      const { body = {} } = (await examples[pattern]?.()) ?? {};
      const { properties = {} } = requestBody?.content['application/json']?.schema ?? {};
      expect(Object.keys(properties), pattern).toEqual(expect.arrayContaining(Object.keys(body)));
    }
  });

  it('is kept by every operation where it refuses', async () => {
    for (const [pattern, operation] of operations()) {
      const example = (await examples[pattern]?.()) ?? {};
      const [method, path] = filled(pattern, example);
      const stranger = await send(method, path, { token: '', body: example.body });
      expect(stranger.status, pattern).toBe(pattern === 'GET /live' ? 200 : 401);
      expectDescribed(operation, stranger, `${pattern}, from a stranger`);

      if (method !== 'GET') {
        const weak = await send(method, path, { token: reader, body: example.body });
        expect(weak.status, pattern).toBe(403);
        expectDescribed(operation, weak, `${pattern}, from a reader`);
      }
      // A host without an API shows the default certificate, which is an answer.
      if (pattern.includes('{') && pattern !== 'GET /hosts/{host}/certificate') {
        const [, gone] = filled(pattern, {});
        const missing = await send(method, gone, { body: example.body });
        expect([400, 404], `${pattern}: ${missing.text}`).toContain(missing.status);
        expectDescribed(operation, missing, `${pattern}, of what is not there`);
      }
      if (example.body !== undefined && Object.keys(example.body).length > 0) {
        const odd = await send(method, path, { body: { ...example.body, unheard_of: 1 } });
        expect(odd.status, `${pattern}: ${odd.text}`).toBe(400);
        expectDescribed(operation, odd, `${pattern}, with an unknown field`);
      }
    }
  });

  it('pages through every list in one stable order', async () => {
    for (let each = 0; each < 3; each++) await bound();
    const lists = operations().filter(([, { parameters = [] }]) =>
      parameters.some(({ name }) => name === 'size'),
    );
    expect(lists.map(([pattern]) => pattern).sort()).toEqual([
      ...['GET /apis', 'GET /apis/{api}/plugins', 'GET /nodes', 'GET /plugins', 'GET /tokens'],
    ]);
    for (const [pattern] of lists) {
      const [, path] = filled(pattern, { path: await bound() });
      const whole = (await send('GET', `${path}?size=1000`)).json;
      const ids = (whole['data'] as Values[]).map(({ id }) => id);
      expect(whole['total'], pattern).toBe(ids.length);
      const paged: unknown[] = [];
      let next: string | undefined = `${path}?size=2`;
      while (next !== undefined) {
        const { json }: Answer = await send('GET', next);
        const data = json['data'] as Values[];
        expect(data.length).toBeLessThanOrEqual(2);
        expect(json['total']).toBe(ids.length);
        paged.push(...data.map(({ id }) => id));
        const url = json['next'];
        next = typeof url === 'string' ? url.replace(gateway.adminUrl, '') : undefined;
      }
      expect(paged, pattern).toEqual(ids);
      const some = await send('GET', `${path}?id=${String(ids[0])}`);
      expect(
        (some.json['data'] as Values[]).map(({ id }) => id),
        pattern,
      ).toEqual([ids[0]]);
      expect((await send('GET', `${path}?unheard_of=1`)).status, pattern).toBe(400);
    }
  });

  it('is kept by every operation where it succeeds', async () => {
    for (const pattern of Object.keys(examples)) {
      const [, operation] = operations().find(([each]) => each === pattern) ?? [];
      if (operation === undefined) throw new Error(`${pattern} is not described`);
      const example = (await examples[pattern]?.()) ?? {};
      const [method, path] = filled(pattern, example);
      const parameters = (operation.parameters ?? []).map(({ name }) => name);
      for (const name of new URLSearchParams(example.query).keys()) {
        expect(parameters, `${pattern}?${name}`).toContain(name);
      }
      if (parameters.includes('dry_run')) {
        const [, dryPath] = filled(pattern, { ...example, query: 'dry_run=true' });
        const dry = await send(method, dryPath, { body: example.body });
        expect(dry.json, `${pattern}: ${dry.text}`).toMatchObject({ accepted: true });
        expectDescribed(operation, dry, `${pattern}, dry run`);
      }
      const answer = await send(method, path, { body: example.body });
      expect(answer.status, `${pattern}: ${answer.text}`).toBeLessThan(300);
      expectDescribed(operation, answer, pattern);
    }
  });
});
