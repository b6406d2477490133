import { describe, expect, it } from 'vitest';
import { type AdminUnderTest, startAdmin } from '../support/admin-server.js';
import {
  type ApiDescription,
  type BodySchema,
  expectDescribed,
} from '../support/api-description.js';
import { makePairs } from '../support/pairs.js';

const { a } = makePairs();

async function describeOf(admin: AdminUnderTest): Promise<ApiDescription> {
  const got = await admin.send('GET', '/openapi.json');
  expect(got.status).toBe(200);
  return JSON.parse(got.text);
}

/** A value that fits each field of a request, by name where the schema alone does not say enough. */
function bodyOf(
  { properties }: Pick<BodySchema, 'properties'>,
  n: number,
): Record<string, unknown> {
  const known: Record<string, unknown> = {
    name: 'upstream_url' in properties ? `n${n}` : 'ssl',
    request_host: `h${n}.test`,
    upstream_url: 'http://127.0.0.1:9000',
    cert: a.cert,
    key: a.key,
    revision: 0,
  };
  const body: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(properties)) {
    if (name in known) body[name] = known[name];
    else if (field.type === 'object') body[name] = bodyOf(field, n);
    else if (field.items?.properties !== undefined) {
      body[name] = [bodyOf({ properties: field.items.properties }, n)];
    } else if (field.type === 'boolean') body[name] = true;
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
