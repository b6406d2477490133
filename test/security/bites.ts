import { OpensslBench } from '../support/openssl.js';

/** A request that means harm, and what may be answered to it. */
export interface Bite {
  readonly name: string;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Default: any 4xx. */
  readonly status?: number;
}

const json = { 'content-type': 'application/json' };
const form = { 'content-type': 'application/x-www-form-urlencoded' };
const boundary = 'b0undary';
const multipart = { 'content-type': `multipart/form-data; boundary=${boundary}` };

const part = (name: string, value: string, more = '') =>
  `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
const parts = (...all: string[]) => `${all.join('')}--${boundary}--\r\n`;

const apiJson = (more: object) =>
  JSON.stringify({
    name: 'bite',
    request_host: 'bite.test',
    upstream_url: 'http://u.test',
    ...more,
  });
const api = (name: string, more: object): Bite => ({
  name,
  path: '/apis',
  headers: json,
  body: apiJson(more),
});
const upload = (name: string, cert: string, key: string): Bite => ({
  name,
  path: '/apis/target/plugins',
  headers: multipart,
  body: parts(part('name', 'ssl'), part('config.cert', cert), part('config.key', key)),
});
const rawJson = (name: string, body: string | Buffer, status?: number): Bite => ({
  name,
  path: '/apis',
  headers: json,
  body,
  ...(status === undefined ? {} : { status }),
});
const patch = (name: string, body: string): Bite => ({
  name,
  method: 'PATCH',
  path: '/apis/target',
  headers: json,
  body,
});

const pem = (label: string, der: Buffer) =>
  `-----BEGIN ${label}-----\n${der.toString('base64')}\n-----END ${label}-----\n`;

/** DER of tag, length and content. */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 128) return Buffer.concat([Buffer.from([tag, length]), content]);
  const bytes = Buffer.from(length.toString(16).padStart(8, '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x84]), bytes, content]);
}

const integer = (value: Buffer) => der(2, Buffer.concat([Buffer.from([0]), value]));

/** An RSA key of nonsense of so many bytes: nobody has to look for primes to send one. */
function absurdRsaKey(bytes: number, exponent: Buffer): string {
  const odd = Buffer.alloc(bytes, 0xa5);
  const half = Buffer.alloc(bytes / 2, 0xc7);
  const numbers = [Buffer.from([0]), odd, exponent, odd, half, half, half, half, half];
  return pem('RSA PRIVATE KEY', der(0x30, Buffer.concat(numbers.map(integer))));
}

function certificateBites(): Bite[] {
  const bench = new OpensslBench();
  const key = bench.key('EC', 'ec_paramgen_curve:P-256');
  const cert = bench.certificate(key, { names: ['target.test', 'aXtarget.test'] });
  const issuerKey = bench.key('EC', 'ec_paramgen_curve:P-256');
  bench.dispose();
  const certDer = Buffer.from(cert.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const withName = (name: string) => {
    const altered = Buffer.from(certDer);
    altered.write(name, altered.indexOf('aXtarget.test'), 'latin1');
    return pem('CERTIFICATE', altered);
  };
  const nested = Array.from({ length: 20_000 }).reduce<Buffer>(
    (inner) => (inner.length > 40_000 ? inner : der(0x30, inner)),
    Buffer.alloc(0),
  );
  const exponent = Buffer.from([1, 0, 1]);
  return [
    upload('a PEM of 9 MB', `${cert}${'A'.repeat(9 * 1024 * 1024)}`, key),
    upload('thousands of certificates', cert.repeat(3_000), key),
    upload('a hundred thousand BEGIN lines', '-----BEGIN CERTIFICATE-----\n'.repeat(100_000), key),
    upload('a BEGIN line without an end', `-----BEGIN ${'A'.repeat(60_000)}`, key),
    upload(
      'white space where Base64 should be',
      cert.replace('MII', `${'\n '.repeat(20_000)}%`),
      key,
    ),
    upload('DER cut off', pem('CERTIFICATE', certDer.subarray(0, 100)), key),
    upload(
      'DER with a length of 4 GB',
      pem('CERTIFICATE', Buffer.from('3084ffffffff00', 'hex')),
      key,
    ),
    upload('DER nested thousands deep', pem('CERTIFICATE', nested), key),
    upload(
      'bytes behind the certificate',
      pem('CERTIFICATE', Buffer.concat([certDer, certDer])),
      key,
    ),
    upload('a NUL in a name', withName('a\0target.test'), key),
    upload('a line break in a name', withName('a\ntarget.test'), key),
    upload('a right-to-left mark in a name', withName('\xe2\x80\xaearget.test'), key),
    upload('an RSA key of 65,536 bits', cert, absurdRsaKey(8_192, exponent)),
    upload(
      'an RSA key with an exponent of 2,048 bits',
      cert,
      absurdRsaKey(256, Buffer.alloc(256, 0xff)),
    ),
    upload('an RSA key whose numbers contradict each other', cert, absurdRsaKey(1_024, exponent)),
    upload('an RSA key with the exponent 1', cert, absurdRsaKey(256, Buffer.from([1]))),
    upload('the key of another certificate', cert, issuerKey),
    upload('the key among the certificates', `${cert}${key}`, key),
    upload(
      'a key that is encrypted in name only',
      cert,
      key.replaceAll('PRIVATE', 'ENCRYPTED PRIVATE'),
    ),
    { name: 'a key as a form', path: '/apis', headers: form, body: key.trim() },
    {
      name: 'a key as the name of a part',
      path: '/apis',
      headers: multipart,
      body: parts(part(key.trim(), '')),
    },
    api('a key as a host', { request_host: key }),
    api('a key as a URL', { upstream_url: key }),
    { ...api('a key as an id', {}), body: apiJson({ id: key }) },
    upload('PEM in UTF-16', Buffer.from(cert, 'utf16le').toString('latin1'), key),
    upload('nothing but a byte order mark', '\ufeff', '\ufeff'),
  ];
}

/** Requests that bind many certificates: at fault as a whole, or in each entry, which is answered with 200. */
function bulkBites(): Bite[] {
  const bench = new OpensslBench();
  const key = bench.key('EC', 'ec_paramgen_curve:P-256');
  const cert = bench.certificate(key, { names: ['target.test'] });
  bench.dispose();
  const exponent = Buffer.from([1, 0, 1]);
  const bulk = (name: string, entries: unknown, status = 400): Bite => ({
    name: `certificates: ${name}`,
    path: '/certificates',
    headers: json,
    body: JSON.stringify({ certificates: entries }),
    status,
  });
  const many = (length: number, config: object, api = {}) =>
    Array.from({ length }, (_, n) => ({ request_host: `h${n}.test`, config, api }));
  const upstream = { upstream_url: 'http://u.test' };
  return [
    bulk('34 of them', many(34, { cert, key })),
    bulk('a hundred thousand of them', new Array(100_000).fill(0)),
    bulk('a hundred thousand texts', new Array(100_000).fill('')),
    bulk('no list', { length: 1e9 }),
    bulk('a host twice', [...many(1, { cert, key }), ...many(1, { cert, key })]),
    bulk('a host in capitals and not', [
      { request_host: 'H.test', config: { cert, key } },
      { request_host: 'h.test', config: { cert, key } },
    ]),
    bulk('an entry without a host', [{ config: { cert, key } }]),
    bulk('a key as a host', [{ request_host: key, config: { cert, key } }], 200),
    bulk('a host of 1 MB', [{ request_host: 'a'.repeat(1_000_000), config: { cert, key } }], 200),
    bulk('a key as a field', [{ request_host: 'a.test', config: { cert, key, [key]: 1 } }], 200),
    bulk('a host with CRLF', [{ request_host: 'a\r\nb.test', config: { cert, key } }], 200),
    bulk(
      '__proto__ in an entry',
      [JSON.parse('{"request_host":"a.test","__proto__":{"a":1}}')],
      200,
    ),
    bulk('absurd RSA keys', many(33, { cert, key: absurdRsaKey(1_024, exponent) }, upstream), 200),
    bulk('a key of another', many(33, { cert, key: cert }, upstream), 200),
    bulk('PEM of 9 MB in all', many(33, { cert: cert + 'A'.repeat(270_000), key }, upstream), 200),
    bulk('certificates by the thousand', many(33, { cert: cert.repeat(400), key }, upstream), 200),
    { ...bulk('as a form', []), headers: form, body: 'certificates=a&certificates=b' },
    { ...bulk('as parts', []), headers: multipart, body: parts(part('certificates', '[]')) },
  ];
}

const hostBites = [
  ...['a.*.test', '*', '**.test', '*a.test', 'a*', '*.*', '*.a.*', '.*', '*.'],
  ...['а.test', 'münchen.test', '\u202etset.elgoog', 'a\u200bb.test', 'ⅰ.test'],
  ...['a\0b.test', 'a\r\nSet-Cookie: x', 'a b.test', 'a..test', '.test', 'test.', 'a-.test'],
  ...[
    'a:80',
    'http://a.test',
    'a/b',
    '../../etc/passwd',
    '[::1]',
    'a@b.test',
    `${'a.'.repeat(33_000)}a`,
  ],
].map((host) => api(`request_host ${JSON.stringify(host.slice(0, 30))}`, { request_host: host }));

const fieldBites = [
  api('a name with CRLF', { name: 'a\r\nX-Evil: 1' }),
  api('a name of 64 KB', { name: 'a'.repeat(65_536) }),
  api('a name that is half a character', { name: '\ud800' }),
  api('a path of 64 KB', { request_path: `/${'a'.repeat(65_536)}` }),
  api('a path with a broken escape', { request_path: '/%zz' }),
  api('a path with NUL', { request_path: '/a\0b' }),
  api('an upstream that is a file', { upstream_url: 'file:///etc/passwd' }),
  api('an upstream that is a script', { upstream_url: 'javascript:alert(1)' }),
  api('an upstream with CRLF', { upstream_url: 'http://u.test/\r\nX: y' }),
  api('an upstream of 64 KB', { upstream_url: `http://u.test/${'a'.repeat(65_536)}` }),
  api('an id that is a path', { id: '../../etc/passwd' }),
  api('a time beyond all numbers', { created_at: '9'.repeat(400) }),
  api('a time before all times', { created_at: -1 }),
  api('null for text', { name: null }),
  api('a list for text', { request_host: ['a.test'] }),
  api('an object for text', { upstream_url: { toString: 'x' } }),
];

const prototypeBites = [
  rawJson('__proto__ as a field', `{"__proto__":{"name":"x"},${apiJson({}).slice(1)}`),
  rawJson('__proto__ with dots', `{"__proto__.polluted":"1",${apiJson({}).slice(1)}`),
  rawJson('constructor.prototype', `{"constructor":{"prototype":{"a":1}},${apiJson({}).slice(1)}`),
  {
    ...rawJson('__proto__ in a form', '__proto__[polluted]=1&__proto__.polluted=1'),
    headers: form,
  },
  {
    ...rawJson('__proto__ as a part', parts(part('__proto__.polluted', '1'), part('name', 'x'))),
    headers: multipart,
  },
];

const jsonBites = [
  rawJson('JSON a hundred thousand deep', '['.repeat(100_000)),
  rawJson('objects a hundred thousand deep', '{"a":'.repeat(100_000)),
  rawJson('a duplicate key', `{"name":"a",${apiJson({}).slice(1)}`, 400),
  rawJson('a duplicate key, escaped', `{"na\\u006de":"a",${apiJson({}).slice(1)}`, 400),
  rawJson('a duplicate key, dotted', '{"config.a":1,"config":{"a":2}}'),
  rawJson(
    'a hundred thousand keys',
    `{${Array.from({ length: 100_000 }, (_, n) => `"k${n}":1`).join()}}`,
  ),
  rawJson('a string that never ends', `{"a":"${'\\"'.repeat(2_000_000)}`),
  rawJson('quotes without end', '"'.repeat(5_000_000)),
  rawJson('colons without end', `{${'"a":'.repeat(1_000_000)}`),
  rawJson('a number of a million digits', `{"created_at":${'9'.repeat(1_000_000)}}`),
  rawJson('not an object', '"x"'),
  rawJson('JSON in UTF-16', Buffer.from(apiJson({}), 'utf16le')),
  rawJson(
    'bytes that are no UTF-8',
    Buffer.from(apiJson({ name: 'X' }).replace('X', '\xff'), 'latin1'),
  ),
  rawJson('nothing', ''),
  {
    ...rawJson('gzip that nobody asked for', Buffer.from('1f8b0800', 'hex')),
    headers: { ...json, 'content-encoding': 'gzip' },
  },
  patch('a change of the id', '{"id":"00000000-0000-4000-8000-000000000000"}'),
  patch('nothing to change', '{}'),
];

const multipartBites: Bite[] = [
  ['no boundary', parts(part('name', 'a')), 'multipart/form-data'],
  [
    'a boundary of 10 KB',
    parts(part('name', 'a')),
    `multipart/form-data; boundary=${'b'.repeat(10_000)}`,
  ],
  ['no last boundary', part('name', 'a'), undefined],
  ['nothing at all', '', undefined],
  [
    'ten thousand parts',
    parts(...Array.from({ length: 10_000 }, (_, n) => part(`p${n}`, ''))),
    undefined,
  ],
  ['a part without a name', parts(`--${boundary}\r\n\r\nx\r\n`), undefined],
  [
    'a part whose disposition has no name',
    `--${boundary}\r\nContent-Disposition: form-data\r\n\r\nx\r\n--${boundary}--\r\n`,
    undefined,
  ],
  [
    'a part with a header of 1 MB',
    parts(part('name', 'a', `; x="${'y'.repeat(1_000_000)}"`)),
    undefined,
  ],
  ['a field given twice', parts(part('name', 'a'), part('name', 'b')), undefined],
  ['a name with CRLF', parts(part('na%0d%0ame', 'a')), undefined],
  [
    'a file name that is a path',
    parts(part('name', 'a', '; filename="../../etc/passwd"')),
    undefined,
  ],
  ['a part within a part', parts(part('name', parts(part('name', 'b')))), undefined],
].map(([name, body, type]) => ({
  name: `multipart: ${name}`,
  path: '/apis',
  headers: { 'content-type': type ?? `multipart/form-data; boundary=${boundary}` },
  body: body ?? '',
}));

const formBites: Bite[] = [
  ['a hundred thousand fields', 'a=1&'.repeat(100_000)],
  ['a million percent signs', '%'.repeat(1_000_000)],
  ['a field name of 1 MB', `${'a'.repeat(1_000_000)}=1`],
  ['a field given twice', 'name=a&name=b&request_host=x.test&upstream_url=http://u.test'],
  ['dots without end', `${'.'.repeat(200)}=1`],
].map(([name, body]) => ({
  name: `form: ${name}`,
  path: '/apis',
  headers: form,
  body: body ?? '',
}));

const get = (name: string, path: string): Bite => ({ name, method: 'GET', path });
const pathBites = [
  get('a path to a file', '/apis/..%2f..%2fetc%2fpasswd'),
  get('a path with NUL', '/apis/%00'),
  get('a path that is no UTF-8', '/apis/%ff%fe'),
  get('a path with a broken escape', '/apis/%'),
  get('a path of 10 KB', `/apis/${'a'.repeat(10_000)}`),
  get('an object of all objects', '/apis/__proto__'),
  get('a filter on __proto__', '/apis?__proto__=1'),
  get('a filter that is unknown', '/apis?constructor=1'),
  get('an id that is none', '/plugins/x'),
];

const headerBites: Bite[] = [
  {
    ...api('an Idempotency-Key of 1 KB', {}),
    headers: { ...json, 'idempotency-key': 'k'.repeat(1_024) },
  },
  { ...api('an If-Match that is no tag', {}), headers: { ...json, 'if-match': 'x' } },
  { ...api('no Content-Type', {}), headers: {}, status: 415 },
  { ...api('another Content-Type', {}), headers: { 'content-type': 'text/plain' } },
  {
    ...api('headers of 100 KB', {}),
    headers: { ...json, 'x-long': 'x'.repeat(100_000) },
    status: 431,
  },
  {
    name: 'a body of 11 MB',
    path: '/apis',
    headers: json,
    body: `{"name":"${'a'.repeat(11 * 1024 * 1024)}"}`,
    status: 413,
  },
];

/** Each is to be refused, at once, and to change nothing. */
export function bites(): readonly Bite[] {
  return [
    ...certificateBites(),
    ...bulkBites(),
    ...hostBites,
    ...fieldBites,
    ...prototypeBites,
    ...jsonBites,
    ...multipartBites,
    ...formBites,
    ...pathBites,
    ...headerBites,
  ];
}
