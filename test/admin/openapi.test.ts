import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { type AdminUnderTest, type Got, startAdmin } from '../support/admin-server.js';
import { makePairs } from '../support/pairs.js';

const { a } = makePairs();

interface Media {
  readonly schema: object;
}
interface Operation {
  readonly summary?: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: BodySchema }> };
  readonly responses: Record<
    string,
    { readonly description: string; readonly content?: Record<string, Media> }
  >;
}
interface BodySchema {
  readonly properties: Record<string, BodySchema & { readonly type: string }>;
  readonly required?: readonly string[];
  readonly items?: BodySchema;
}
interface OpenApi {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
}

const ajv = new Ajv2020({ strict: false, formats: { uuid: /^[0-9a-f-]{36}$/ } });

async function describeOf(admin: AdminUnderTest): Promise<OpenApi> {
  const got = await admin.send('GET', '/openapi.json');
  expect(got.status).toBe(200);
  return JSON.parse(got.text);
}

/** Whether an answer is one that the description announces, in status, type and form. */
function expectDescribed(operation: Operation, got: Got, what: string): void {
  const response = operation.responses[got.status] ?? operation.responses['default'];
  if (response === undefined) throw new Error(`${what}: status ${got.status} is not described`);
  if (got.status >= 200 && got.status < 300) {
    expect(Object.keys(operation.responses), what).toContain(String(got.status));
  }
  if (got.text === '') return;
  const type = got.headers.get('content-type')?.split(';')[0] ?? '';
  const schema = response.content?.[type]?.schema;
  if (schema === undefined) throw new Error(`${what}: ${got.status} ${type} is not described`);
  const isValid = ajv.validate(schema, got.json);
  expect(isValid, `${what}: ${ajv.errorsText()} in ${got.text}`).toBe(true);
}

/** A value that fits each field of a request, by name where the schema alone does not say enough. */
function bodyOf(schema: BodySchema, n: number): Record<string, unknown> {
  const known: Record<string, unknown> = {
    name: 'upstream_url' in schema.properties ? `n${n}` : 'ssl',
    request_host: `h${n}.test`,
    upstream_url: 'http://127.0.0.1:9000',
    cert: a.cert,
    key: a.key,
    revision: 0,
  };
  const body: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(schema.properties)) {
    if (name in known) body[name] = known[name];
    else if (field.type === 'object') body[name] = bodyOf(field, n);
    else if (field.items !== undefined) body[name] = [bodyOf(field.items, n)];
    else if (field.type === 'boolean') body[name] = true;
  }
  return body;
}

describe('/openapi.json', () => {
  it('describes every operation, each answer and each parameter of a path', async () => {
    const { openapi, paths } = await describeOf(await startAdmin());
    expect(openapi).toBe('3.1.0');
    for (const [path, operations] of Object.entries(paths)) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const [method, operation] of Object.entries(operations)) {
        const what = `${method} ${path}`;
        expect(operation.summary, what).toMatch(/\w/);
        const parameters = operation.parameters ?? [];
        expect(parameters.filter((each) => each.in === 'path').map((each) => each.name)).toEqual(
          named,
        );
        for (const response of Object.values(operation.responses)) {
          expect(response.description, what).toMatch(/\w/);
        }
        expect(Object.keys(operation.responses), what).toContain('default');
        if (['post', 'put', 'patch'].includes(method)) {
          expect(Object.keys(operation.requestBody?.content ?? {})).toHaveLength(3);
        }
      }
    }
  });

  it('is kept by the running API: every operation, well-formed, refused and in every form', async () => {
    const admin = await startAdmin();
    const { paths } = await describeOf(admin);
    let n = 0;
    for (const [path, operations] of Object.entries(paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        const what = `${method} ${path}`;
        const verb = method.toUpperCase();
        const body = operation.requestBody?.content['application/json']?.schema;
        // An API with or without a plugin, whichever the operation can do something with.
        const api = await admin.send('POST', '/apis', {
          name: `t${++n}`,
          request_host: `t${n}.test`,
          upstream_url: 'http://127.0.0.1:9000',
        });
        const withPlugin = !(path.endsWith('/plugins') && method !== 'get');
        const ssl = { name: 'ssl', config: { cert: a.cert, key: a.key } };
        const plugin = withPlugin
          ? await admin.send('POST', `/apis/t${n}/plugins`, ssl)
          : undefined;
        const url = path
          .replace('{api}', String(api.json['name']))
          .replace('{id}', String(plugin?.json['id']))
          .replace('{name}', 'ssl')
          .replace('{host}', 'h.test');
        const good = body === undefined ? undefined : bodyOf(body, ++n);
        const got = await admin.send(verb, url, good);
        expect(got.status, `${what}: ${got.text}`).toBeLessThan(300);
        expectDescribed(operation, got, what);
        if (body !== undefined) {
          const refused = await admin.send(verb, url, { ...good, unheard_of: 1 });
          expect(refused.status, what).toBeGreaterThanOrEqual(400);
          expectDescribed(operation, refused, `${what}, refused`);
        }
        if (path.includes('{') && !path.startsWith('/hosts')) {
          const missing = await admin.send(verb, path.replace(/\{\w+\}/g, 'none'), good);
          expect([400, 404], what).toContain(missing.status);
          expectDescribed(operation, missing, `${what}, missing`);
        }
        if (path === '/plugins' && got.status === 201) {
          await admin.send('DELETE', `/plugins/${got.json['id']}`);
        }
      }
    }
  });

  it('leaves out no method of a path that it has', async () => {
    const admin = await startAdmin();
    const { paths } = await describeOf(admin);
    for (const [path, operations] of Object.entries(paths)) {
      for (const method of ['get', 'post', 'put', 'patch', 'delete']) {
        if (method in operations) continue;
        const body = ['post', 'put', 'patch'].includes(method) ? {} : undefined;
        const got = await admin.send(method.toUpperCase(), path.replace(/\{\w+\}/g, 'none'), body);
        expect([400, 404, 405], `${method} ${path}`).toContain(got.status);
      }
    }
  });
});
