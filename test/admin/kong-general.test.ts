import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { sharedAdmin, startAdmin } from '../support/admin-server.js';
import { makePairs } from '../support/pairs.js';

const { a } = makePairs();
const upstream_url = 'http://127.0.0.1:9000';

/** Sends bytes as they are and answers all that comes back until the server closes. */
function sendRaw(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(text));
    let received = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      received += chunk;
    });
    socket.on('close', () => resolve(received)).on('error', reject);
  });
}

describe('2.1 paths', () => {
  it('a slash at the end makes no difference', async () => {
    const admin = await startAdmin();
    await admin.send('POST', '/apis/', { name: 'x', request_host: 'x.test', upstream_url });
    for (const path of [
      '/apis',
      '/apis/',
      '/apis/x',
      '/apis/x/',
      '/apis/x/plugins/',
      '/plugins/',
    ]) {
      expect((await admin.send('GET', path)).status, path).toBe(200);
    }
  });

  it('names are percent-decoded, and literal routes go first', async () => {
    const admin = await startAdmin();
    await admin.send('POST', '/apis', { name: 'x~y', request_host: 'x.test', upstream_url });
    expect((await admin.send('GET', '/apis/%78%7Ey')).json['name']).toBe('x~y');
    expect((await admin.send('GET', '/apis/%zz')).status).toBe(404);
    const enabled = await admin.send('GET', '/plugins/enabled');
    expect(enabled.json).toEqual({ enabled_plugins: ['ssl'] });
    expect((await admin.send('DELETE', '/plugins/enabled')).status).toBe(405);
  });
});

describe('2.2 request bodies', () => {
  const api = (n: number) => ({ name: `n${n}`, request_host: `h${n}.test`, upstream_url });

  it('come as JSON, urlencoded or multipart', async () => {
    const admin = await startAdmin();
    const form = new FormData();
    for (const [key, value] of Object.entries(api(3))) form.set(key, value);
    const bodies = [api(1), new URLSearchParams(api(2)), form];
    for (const body of bodies) expect((await admin.send('POST', '/apis', body)).status).toBe(201);
    const listed = await admin.send('GET', '/apis');
    expect(listed.json['total']).toBe(3);
  });

  it('nest by objects, by dotted keys, or by both', async () => {
    const admin = await startAdmin();
    const config = { cert: a.cert, key: a.key, only_https: true };
    const bodies = [
      { name: 'ssl', config },
      { name: 'ssl', 'config.cert': a.cert, 'config.key': a.key, 'config.only_https': true },
      { name: 'ssl', config: { cert: a.cert, key: a.key }, 'config.only_https': 'TRUE' },
      { 'config.only_https': true, name: 'ssl', config: { cert: a.cert, key: a.key } },
    ];
    for (const [n, body] of bodies.entries()) {
      await admin.send('POST', '/apis', api(n));
      const added = await admin.send('POST', `/apis/n${n}/plugins`, body);
      expect(added.status, added.text).toBe(201);
      expect(added.json['config']?.['only_https']).toBe(true);
    }
  });

  it('take an uploaded file for its content, whatever its name', async () => {
    const admin = await startAdmin();
    await admin.send('POST', '/apis', api(1));
    const form = new FormData();
    form.set('name', 'ssl');
    form.set('config.cert', new Blob([`${a.cert}\n`]), '../../etc/passwd');
    form.set('config.key', new Blob([a.key]), 'key.pem');
    const added = await admin.send('POST', '/apis/n1/plugins', form);
    expect(added.json['config']?.['cert']).toBe(a.cert);
  });

  it('ignore parameters and letter case of the Content-Type', async () => {
    const admin = await startAdmin();
    const json = await admin.send('POST', '/apis', JSON.stringify(api(1)), {
      'content-type': 'Application/JSON; Charset=UTF-8',
    });
    expect(json.status).toBe(201);
    const form = await admin.send('POST', '/apis', `${new URLSearchParams(api(2))}`, {
      'content-type': 'Application/X-WWW-Form-Urlencoded;charset=utf-8',
    });
    expect(form.status).toBe(201);
    const parts = Object.entries(api(3)).map(
      ([key, value]) => `--B\r\nContent-Disposition: form-data; name="${key}"\r\n\r\n${value}\r\n`,
    );
    const multipart = await admin.send('POST', '/apis', `${parts.join('')}--B--\r\n`, {
      'content-type': 'Multipart/Form-Data; boundary=B',
    });
    expect(multipart.status, multipart.text).toBe(201);
  });

  it.each(['POST', 'PUT', 'PATCH'])('%s with unreadable JSON is a 400', async (method) => {
    const admin = await startAdmin();
    const headers = { 'content-type': 'application/json' };
    for (const body of ['', '{', 'name=x', '[]', '"x"', 'null']) {
      const got = await admin.send(method, method === 'PATCH' ? '/apis/x' : '/apis', body, headers);
      expect(got.status, body).toBe(400);
      expect(String(got.json['message'])).toMatch(/^Cannot parse JSON body/);
    }
  });

  it('are ignored by GET and DELETE, readable or not', async () => {
    const admin = await startAdmin();
    await admin.send('POST', '/apis', api(1));
    const types = ['application/json', 'text/plain', 'multipart/form-data; boundary=x', 'nonsense'];
    for (const type of types) {
      const deleted = await admin.send('DELETE', '/apis/none', '{"not json', {
        'content-type': type,
      });
      expect(deleted.status, type).toBe(404);
    }
    const get = await new Promise<number | undefined>((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': 10 };
      const options = { method: 'GET', headers };
      httpRequest(`${admin.url}/apis/n1`, options, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end('{"not json');
    });
    expect(get).toBe(200);
  });

  it('are let in after Expect: 100-continue', async () => {
    const admin = await startAdmin();
    const body = JSON.stringify(api(1));
    const answer = await sendRaw(
      admin.url,
      `POST /apis HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n` +
        `Content-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n${body}`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 201/);
  });
});

describe('2.3 values', () => {
  const shared = sharedAdmin();

  it('lose white space at both ends', async () => {
    const admin = shared();
    const body = { name: ' x ', request_host: '\tx.test\n', upstream_url: ` ${upstream_url} ` };
    expect((await admin.send('POST', '/apis', body)).json).toMatchObject({
      name: 'x',
      request_host: 'x.test',
      upstream_url,
    });
  });

  it.each([
    [true, true],
    ['TRUE', true],
    [' False ', false],
  ])('boolean %j', async (given, expected) => {
    const admin = shared();
    const body = { name: 'x', request_host: 'x.test', upstream_url, preserve_host: given };
    expect((await admin.send('POST', '/apis', body)).json['preserve_host']).toBe(expected);
  });

  it.each([
    [{ preserve_host: 1 }, { preserve_host: 'preserve_host is not a boolean' }],
    [{ preserve_host: 'yes' }, { preserve_host: 'preserve_host is not a boolean' }],
    [{ preserve_host: null }, { preserve_host: 'preserve_host is not a boolean' }],
    [{ name: 1 }, { name: 'name is not a string' }],
    [{ name: { x: 1 } }, { name: 'name is not a string' }],
    [{ name: ['a', 'b'] }, { name: 'name is not a string' }],
    [{ created_at: 'now' }, { created_at: 'created_at is not a timestamp' }],
    [{ id: 'abc' }, { id: 'abc is not a valid uuid' }],
    [{ 'name.x': 'a' }, { name: 'name is not a string' }],
  ])('%j is refused by field', async (fields, errors) => {
    const admin = shared();
    const body = { request_host: 'x.test', upstream_url, ...fields };
    const got = await admin.send('POST', '/apis', body);
    expect(got.status).toBe(400);
    expect(got.json).toEqual(errors);
  });

  it('takes digits in a string for a timestamp', async () => {
    const admin = shared();
    const body = new URLSearchParams({ request_host: 'x.test', upstream_url, created_at: '123' });
    expect((await admin.send('POST', '/apis', body)).json['created_at']).toBe(123);
  });
});

describe('2.4 missing or foreign Content-Type', () => {
  const shared = sharedAdmin();

  it.each(['/apis', '/nothing', '/apis/none/plugins', '/'])(
    'is refused before anything else on %s',
    async (path) => {
      const admin = shared();
      for (const method of ['POST', 'PUT', 'PATCH']) {
        const answer = await sendRaw(
          admin.url,
          `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}`,
        );
        expect(answer).toMatch(/^HTTP\/1.1 415 /);
        expect(answer).toMatch(/\r\n\r\n$/);
      }
    },
  );

  it('creates nothing out of text/plain', async () => {
    const admin = shared();
    const body = `${new URLSearchParams({ request_host: 'x.test', upstream_url })}`;
    const got = await admin.send('POST', '/apis', body, { 'content-type': 'text/plain' });
    expect([400, 415]).toContain(got.status);
    expect((await admin.send('GET', '/apis')).json['total']).toBe(0);
  });
});

describe('2.5 answers', () => {
  it('carry JSON, the product, and no Via', async () => {
    const admin = await startAdmin();
    for (const path of ['/', '/apis', '/nothing', '/apis/none']) {
      const { headers } = await admin.send('GET', path);
      expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
      expect(headers.get('server')).toBe('signet/1.2.3');
      expect(headers.get('via')).toBeNull();
    }
  });

  it('say Not found and Method not allowed, the entity first', async () => {
    const admin = await startAdmin();
    await admin.send('POST', '/apis', { name: 'x', request_host: 'x.test', upstream_url });
    const expectations = [
      ['GET', '/nothing', 404],
      ['GET', '/apis/none', 404],
      ['POST', '/apis/none', 404],
      ['POST', '/apis/x', 405],
      ['PUT', '/apis/x', 405],
      ['PATCH', '/apis', 405],
      ['DELETE', '/apis', 405],
      ['DELETE', '/', 405],
      ['POST', '/status', 405],
      ['DELETE', '/apis/x/plugins', 405],
      ['DELETE', '/apis/none/plugins', 404],
      ['POST', '/plugins/7b0bb1f5-5d1c-4a1e-8a4a-0a2a7b1c9d11', 404],
    ] as const;
    for (const [method, path, status] of expectations) {
      const got = await admin.send(method, path, method === 'GET' ? undefined : {});
      const message = status === 404 ? 'Not found' : 'Method not allowed';
      expect([method, path, got.status, got.json]).toEqual([method, path, status, { message }]);
    }
  });

  it('hide the cause of what nobody foresaw', async () => {
    const admin = await startAdmin({
      identify: () => {
        throw new TypeError('secret');
      },
    });
    const got = await admin.send('POST', '/apis', { request_host: 'x.test', upstream_url });
    expect(got.status).toBe(500);
    expect(got.json).toEqual({ message: 'An unexpected error occurred' });
  });

  it('to HEAD are those to GET without a body', async () => {
    const admin = await startAdmin();
    const got = await admin.send('HEAD', '/apis');
    expect([got.status, got.text]).toEqual([200, '']);
  });
});

describe('2.6 browsers', () => {
  const shared = sharedAdmin();

  it('may read every answer, and ask first on any path', async () => {
    const admin = shared();
    for (const path of ['/apis', '/nothing']) {
      const got = await admin.send('GET', path);
      expect(got.headers.get('access-control-allow-origin')).toBe('*');
      const asked = await admin.send('OPTIONS', path);
      expect([asked.status, asked.text]).toEqual([204, '']);
      expect(asked.headers.get('access-control-allow-origin')).toBe('*');
      expect(asked.headers.get('access-control-allow-methods')).toBe(
        'GET,HEAD,PUT,PATCH,POST,DELETE',
      );
      expect(asked.headers.get('access-control-allow-headers')).toContain('Content-Type');
    }
  });
});

describe('2.7 size', () => {
  const big = 'x'.repeat(10 * 1024 * 1024 + 1);

  it('over 10 MiB is a 413, announced or not, in every form', async () => {
    const admin = await startAdmin();
    const announced = await sendRaw(
      admin.url,
      'POST /apis HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n' +
        'Content-Length: 10485761\r\n\r\n',
    );
    expect(announced).toMatch(/^HTTP\/1.1 413 /);
    const form = new FormData();
    form.set('name', big);
    const file = new FormData();
    file.set('name', new Blob([big]));
    for (const body of [form, file, new URLSearchParams({ name: big })]) {
      // A server may close before it has read all: then there is no answer to look at.
      const got = await admin.send('POST', '/apis', body).catch(() => undefined);
      if (got !== undefined) expect(got.status).toBe(413);
    }
    expect((await admin.send('GET', '/apis')).status).toBe(200);
  });

  it('up to 10 MiB is read', async () => {
    const admin = await startAdmin();
    const body = JSON.stringify({ name: 'x'.repeat(9 * 1024 * 1024) });
    const got = await admin.send('POST', '/apis', body, { 'content-type': 'application/json' });
    expect(got.json['name']).toBe('name is longer than 255 characters');
  });
});

describe('3 node information', () => {
  it('GET / tells product, version, machine and plugins', async () => {
    const admin = await startAdmin();
    const empty = await admin.send('GET', '/');
    expect(empty.json).toMatchObject({
      tagline: 'Welcome to signet',
      version: '1.2.3',
      plugins: { available_on_server: { ssl: true }, enabled_in_cluster: [] },
    });
    expect(empty.json['hostname']).not.toBe('');
    await admin.send('POST', '/plugins', { name: 'ssl', config: { cert: a.cert, key: a.key } });
    expect((await admin.send('GET', '/')).json['plugins']?.['enabled_in_cluster']).toEqual(['ssl']);
  });

  it('GET /status counts entities without lag, and connections', async () => {
    const admin = await startAdmin();
    await admin.send('POST', '/apis', { name: 'x', request_host: 'x.test', upstream_url });
    const { json } = await admin.send('GET', '/status');
    expect(json['database']).toMatchObject({ apis: 1, plugins: 0 });
    expect(Object.keys(json['server'] ?? {})).toEqual([
      'connections_active',
      'connections_reading',
      'connections_writing',
      'connections_waiting',
      'connections_accepted',
      'connections_handled',
      'total_requests',
    ]);
  });

  it('without ssl in plugins_available the plugin does not exist', async () => {
    const admin = await startAdmin({ pluginsAvailable: [] });
    expect((await admin.send('GET', '/')).json['plugins']?.['available_on_server']).toEqual({});
    expect((await admin.send('GET', '/plugins/enabled')).json).toEqual({ enabled_plugins: [] });
    expect((await admin.send('GET', '/plugins/schema/ssl')).status).toBe(404);
    await admin.send('POST', '/apis', { name: 'x', request_host: 'x.test', upstream_url });
    const body = { name: 'ssl', config: { cert: a.cert, key: a.key } };
    const got = await admin.send('POST', '/apis/x/plugins', body);
    expect([got.status, got.json]).toEqual([400, { config: 'Plugin "ssl" not found' }]);
  });
});
