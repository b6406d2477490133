import { connect } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bodyLimits,
  type RawObject,
  setPath,
} from '../../control-plane/admin-api/body/raw-value.js';
import { JsonFault, parseStrictJson } from '../../control-plane/admin-api/body/strict-json.js';
import { type AdminUnderTest, sharedAdmin } from '../support/admin-server.js';
import { makePairs } from '../support/pairs.js';

const { a } = makePairs();
const upstream_url = 'http://127.0.0.1:9000';
const json = { 'content-type': 'application/json' };

/** Sends a multipart body as it is. */
function sendParts(admin: AdminUnderTest, body: string, boundary = 'B') {
  const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` };
  return admin.send('POST', '/apis', body, headers);
}

async function expectUntouched(admin: AdminUnderTest): Promise<void> {
  expect(admin.plane.folded.head).toBe('empty');
  expect((await admin.send('GET', '/apis')).status).toBe(200);
}

describe('JSON that bites', () => {
  const shared = sharedAdmin();

  it('cannot reach a prototype', async () => {
    const admin = shared();
    const bodies = [
      '{"__proto__":{"upstream_url":"http://x","request_host":"x"}}',
      '{"constructor":{"prototype":{"polluted":true}}}',
      '{"__proto__.polluted":true}',
      '{"config.__proto__.polluted":true,"name":"ssl"}',
      '{"toString":"x","hasOwnProperty":1}',
    ];
    for (const body of bodies) {
      const got = await admin.send('POST', body.includes('ssl') ? '/plugins' : '/apis', body, json);
      expect(got.status, body).toBe(400);
      expect(Object.values(got.json).join()).toMatch(/unknown field|required/);
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    const form = new URLSearchParams({ '__proto__.polluted': 'x', 'constructor.prototype.y': 'x' });
    expect((await admin.send('POST', '/apis', form)).status).toBe(400);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    await expectUntouched(admin);
  });

  it.each([
    ['deep objects', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
    ['deep lists', `{"a":${'['.repeat(1_000_000)}`],
    ['a key twice', '{"name":"x","name":"y"}'],
    ['a key twice, once in escapes', '{"name":"x","n\\u0061me":"y"}'],
    ['too many keys', `{${Array.from({ length: 5000 }, (_, n) => `"k${n}":1`).join()}}`],
    ['a long key', `{"${'k'.repeat(100_000)}":1}`],
    ['many brackets', '['.repeat(5_000_000)],
    ['many quotes', '"'.repeat(5_000_000)],
    ['many backslashes', `{"a":"${'\\\\'.repeat(2_000_000)}"`],
    ['white space', `{"a"${' '.repeat(5_000_000)}`],
    ['NUL', '{"name":"x\u0000"}'],
    ['no UTF-8', '{"name":"\u00ff'],
  ])('is refused fast: %s', async (_, body) => {
    const admin = shared();
    const startedAt = performance.now();
    const got = await admin.send('POST', '/apis', body, json);
    expect(got.status).toBe(400);
    expect(performance.now() - startedAt).toBeLessThan(1500);
    await expectUntouched(admin);
  });

  it('holds a bounded number of texts, in lists too', () => {
    const list = (length: number) => `{"a":[${new Array(length).fill('"b"').join()}]}`;
    expect(parseStrictJson(list(1_000)).get('a')).toHaveLength(1_000);
    expect(() => parseStrictJson(list(10_000))).toThrow('too many values');
  });

  it('dotted keys cannot nest without end, nor overwrite each other unseen', async () => {
    const admin = shared();
    const got = await admin.send('POST', '/apis', { [`${'a.'.repeat(120)}b`]: 1 });
    expect(got.status).toBe(400);
    const both = {
      ...{ name: 'ssl', 'config.cert': a.cert, 'config.key': a.key },
      config: { cert: 'other' },
    };
    const twice = await admin.send('POST', '/plugins', both);
    expect(twice.json).toEqual({ 'config.cert': 'cert is not a string' });
    await expectUntouched(admin);
  });

  it('strict parsing agrees with JSON.parse on whatever it takes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const text = JSON.stringify(value);
        let parsed: RawObject | undefined;
        try {
          parsed = parseStrictJson(text);
        } catch (error) {
          expect(error).toBeInstanceOf(JsonFault);
        }
        const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
        if (!isObject) expect(parsed).toBeUndefined();
        else if (Object.keys(value).every((key) => !key.includes('.'))) {
          expect([...(parsed?.keys() ?? [])].sort()).toEqual(Object.keys(value).sort());
        }
      }),
      { numRuns: 500 },
    );
  });

  it('no path of keys makes anything but Maps', () => {
    const key = fc.oneof(
      fc.string(),
      fc.constantFrom('__proto__', 'a', 'a.b', 'a.__proto__.c', '.'),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.string()), { maxLength: 20 }), (entries) => {
        const target: RawObject = new Map();
        for (const [path, value] of entries) setPath(target, path, value);
        expect(Object.getPrototypeOf({})).toBe(Object.prototype);
        expect(Object.keys(Object.prototype)).toEqual([]);
      }),
    );
  });
});

describe('forms that bite', () => {
  const shared = sharedAdmin();

  it('urlencoded: many fields, long names, broken escapes', async () => {
    const admin = shared();
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const many = Array.from({ length: 100_000 }, (_, n) => `k${n}=1`).join('&');
    expect((await admin.send('POST', '/apis', many, form)).status).toBe(413);
    expect((await admin.send('POST', '/apis', `${'k'.repeat(1000)}=1`, form)).status).toBe(413);
    expect((await admin.send('POST', '/apis', 'name=%zz&%=1', form)).status).toBe(400);
    expect((await admin.send('POST', '/apis', 'name=a&name=b', form)).json['name']).toBe(
      'name is not a string',
    );
    await expectUntouched(admin);
  });

  const part = (name: string, value: string, more = '') =>
    `--B\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;

  it.each([
    ['no boundary', part('name', 'x'), ''],
    ['another boundary', part('name', 'x'), 'C'],
    ['no end', part('name', 'x'), 'B'],
    ['no headers', '--B\r\n\r\nx\r\n--B--\r\n', 'B'],
    ['no name', '--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B--\r\n', 'B'],
    ['nothing', '', 'B'],
    ['a cut part', '--B\r\nContent-Dispo', 'B'],
    ['a long header', `--B\r\nX: ${'y'.repeat(1_000_000)}\r\n\r\nx\r\n--B--\r\n`, 'B'],
    ['many parts', `${part('a', '1').repeat(5000)}--B--\r\n`, 'B'],
    ['a long name', `${part('n'.repeat(10_000), '1')}--B--\r\n`, 'B'],
    ['line breaks in a name', `${part('a\r\nb', '1')}--B--\r\n`, 'B'],
    ['a prototype', `${part('__proto__.x', '1')}--B--\r\n`, 'B'],
    ['files by the thousand', `${part('f', '1', '; filename="x"').repeat(5000)}--B--\r\n`, 'B'],
  ])('multipart is refused: %s', async (_, body, boundary) => {
    const admin = shared();
    const got = await sendParts(admin, body, boundary);
    expect(got.status, got.text).toBeGreaterThanOrEqual(400);
    expect(got.status, got.text).toBeLessThan(500);
    await expectUntouched(admin);
  });

  it('a multipart body that never ends does not hold up others', async () => {
    const admin = shared();
    const { hostname, port } = new URL(admin.url);
    const socket = connect(Number(port), hostname);
    socket.write(
      'POST /apis HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=B\r\n' +
        'Content-Length: 1000\r\n\r\n--B\r\n',
    );
    await expectUntouched(admin);
    socket.destroy();
    await expectUntouched(admin);
  });

  it('random multipart bytes never get past a refusal', async () => {
    const admin = shared();
    const piece = fc.constantFrom(
      ...['--B', '--B--', '\r\n', '\r\n\r\n', 'Content-Disposition: form-data; name="name"'],
      ...['; filename="x"', 'Content-Transfer-Encoding: base64', '"', ';', '\u0000', 'é', '--'],
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(piece, fc.string()), { maxLength: 30 }),
        async (pieces) => {
          const got = await sendParts(admin, pieces.join(''));
          expect(got.status, got.text).toBeGreaterThanOrEqual(400);
          expect(got.status, got.text).toBeLessThan(500);
        },
      ),
      { numRuns: 150 },
    );
    await expectUntouched(admin);
  });
});

describe('values that bite', () => {
  const shared = sharedAdmin();

  it.each([
    ['request_host', 'h'.repeat(65_536)],
    ['request_host', 'a.test\r\nX: y'],
    ['request_host', 'a\u202e.test'],
    ['request_host', 'а.test'],
    ['request_host', 'a\u0000.test'],
    ['request_path', `/${'p'.repeat(65_536)}`],
    ['request_path', '/../../etc/passwd\u0000'],
    ['upstream_url', 'http://x/\r\nHost: evil'],
    ['upstream_url', `http://${'u'.repeat(65_536)}`],
    ['upstream_url', 'http://x/\ud800'],
    ['upstream_url', 'javascript:alert(1)'],
    ['name', 'n'.repeat(65_536)],
    ['name', '../../x'],
    ['name', '\ud800'],
    ['created_at', '-1'],
    ['created_at', '1e999'],
    ['created_at', 1e300],
  ])('%s: %j is refused', async (field, value) => {
    const admin = shared();
    const body = { name: 'x', request_host: 'x.test', upstream_url, [field]: value };
    const got = await admin.send('POST', '/apis', body);
    expect(got.status).toBe(400);
    expect(Object.keys(got.json)).toEqual([field]);
    expect(got.text.length).toBeLessThan(1000);
    await expectUntouched(admin);
  });

  it('odd headers are refused or ignored', async () => {
    const admin = shared();
    const body = { name: 'x', request_host: 'x.test', upstream_url };
    const long = { 'idempotency-key': 'k'.repeat(300) };
    expect((await admin.send('POST', '/apis', body, long)).status).toBe(400);
    const odd = await admin.send('GET', '/apis', undefined, { 'x-request-id': 'a b<script>' });
    expect(odd.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    await expectUntouched(admin);
  });

  it('paths of every kind are answered without an error of ours', async () => {
    const admin = shared();
    const paths = [
      ...['/apis/%00', '/apis/%2e%2e%2f', `/apis/${'x'.repeat(2000)}`, '/apis//', '//apis', '/%'],
      ...[
        '/apis/__proto__',
        '/apis/constructor',
        '/plugins/__proto__',
        '/plugins/schema/__proto__',
      ],
      ...['/apis?__proto__=x', '/apis?constructor=1', '/apis?size=-1', '/apis?size=1e9&offset=%00'],
      ...['/events?after=1e3', '/hosts/%00/certificate', '/hosts/../certificate', '/state?at=%00'],
    ];
    for (const path of paths) {
      const got = await admin.send('GET', path);
      expect(got.status, path).toBeLessThan(500);
    }
  });

  it('keeps limits that leave every honest request far below', () => {
    expect(bodyLimits.bytes).toBe(10 * 1024 * 1024);
    expect(bodyLimits.fields).toBeGreaterThan(50);
  });
});
