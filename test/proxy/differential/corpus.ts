/** One client's bytes. Every request in them names its case in the target. */
export interface Case {
  readonly name: string;
  readonly bytes: string;
}

type Build = (id: number) => string;

const builds: [string, Build][] = [];

function add(name: string, build: Build): void {
  builds.push([name, build]);
}

const target = (id: number, rest = '') => `/c${id}/${rest}`;
const smuggled = (id: number) => `GET ${target(id, 'smuggled')} HTTP/1.1\r\nHost: a.test\r\n\r\n`;
const get = (id: number, fields = '', rest = '') =>
  `GET ${target(id, rest)} HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n`;
const post = (id: number, fields: string, body: string) =>
  `POST ${target(id)} HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n${body}`;

// Framing: every length and coding, alone and together, each with a request hidden behind the body. As
// what stands behind a body ends a connection here, those that matter are played without it too.
const lengths: [string, string][] = [
  ['none', ''],
  ['5', 'Content-Length: 5\r\n'],
  ['05', 'Content-Length: 05\r\n'],
  ['0', 'Content-Length: 0\r\n'],
  ['+5', 'Content-Length: +5\r\n'],
  ['-5', 'Content-Length: -5\r\n'],
  ['0x5', 'Content-Length: 0x5\r\n'],
  ['5.0', 'Content-Length: 5.0\r\n'],
  ['empty', 'Content-Length:\r\n'],
  ['5 x', 'Content-Length: 5 x\r\n'],
  ['list', 'Content-Length: 5, 5\r\n'],
  ['twice equal', 'Content-Length: 5\r\nContent-Length: 5\r\n'],
  ['twice different', 'Content-Length: 5\r\nContent-Length: 0\r\n'],
  ['blank before colon', 'Content-Length : 5\r\n'],
  ['tab before value', 'Content-Length:\t5\r\n'],
  ['upper case', 'CONTENT-LENGTH: 5\r\n'],
  ['underscore', 'Content_Length: 5\r\n'],
  ['20 digits', 'Content-Length: 99999999999999999999\r\n'],
  ['folded', 'Content-Length:\r\n 5\r\n'],
];
const codings: [string, string][] = [
  ['none', ''],
  ['chunked', 'Transfer-Encoding: chunked\r\n'],
  ['CHUNKED', 'Transfer-Encoding: CHUNKED\r\n'],
  ['identity', 'Transfer-Encoding: identity\r\n'],
  ['gzip, chunked', 'Transfer-Encoding: gzip, chunked\r\n'],
  ['xchunked', 'Transfer-Encoding: xchunked\r\n'],
  ['chunked twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n'],
  ['blank before colon', 'Transfer-Encoding : chunked\r\n'],
  ['vertical tab', 'Transfer-Encoding: \x0bchunked\r\n'],
  ['quoted', 'Transfer-Encoding: "chunked"\r\n'],
  ['empty', 'Transfer-Encoding:\r\n'],
];
for (const [length, lengthField] of lengths) {
  for (const [coding, codingField] of codings) {
    const body = coding === 'none' ? 'hello' : '5\r\nhello\r\n0\r\n\r\n';
    add(`framing: length ${length}, coding ${coding}`, (id) =>
      post(id, lengthField + codingField, body + smuggled(id)),
    );
    if (length !== 'none' && !['none', 'chunked', 'empty'].includes(coding)) continue;
    add(`nothing behind: length ${length}, coding ${coding}`, (id) =>
      post(id, lengthField + codingField, body),
    );
  }
}

// Chunks.
for (const [name, chunks] of [
  ['plain', '5\r\nhello\r\n0\r\n\r\n'],
  ['upper-case digits', 'A\r\nhellohello\r\n0\r\n\r\n'],
  ['leading zeros', '0005\r\nhello\r\n000\r\n\r\n'],
  ['extension', '5;a=b\r\nhello\r\n0\r\n\r\n'],
  ['extension after a blank', '5 ;a=b\r\nhello\r\n0\r\n\r\n'],
  ['trailers', '5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n'],
  ['bare LF after the size', '5\nhello\r\n0\r\n\r\n'],
  ['bare LF after the data', '5\r\nhello\n0\r\n\r\n'],
  ['blank before the size', ' 5\r\nhello\r\n0\r\n\r\n'],
  ['blank after the size', '5 \r\nhello\r\n0\r\n\r\n'],
  ['0x', '0x5\r\nhello\r\n0\r\n\r\n'],
  ['letter g', 'g\r\nhellohellohello!\r\n0\r\n\r\n'],
  ['empty size', '\r\n\r\n'],
  ['data too long', '3\r\nhello\r\n0\r\n\r\n'],
  ['minus', '-5\r\nhello\r\n0\r\n\r\n'],
  ['size of 17 digits', '10000000000000005\r\nhello\r\n0\r\n\r\n'],
] as const) {
  add(`chunks: ${name}`, (id) => post(id, 'Transfer-Encoding: chunked\r\n', chunks));
}

// Targets.
for (const rest of [
  ...[
    '',
    'a/b',
    '?',
    '?q',
    '?q=%20&q=2',
    'a//b',
    './b',
    'a/../b',
    '%2e%2e/b',
    '%2F',
    '%00',
    '%',
    '%zz',
  ],
  ...[
    'a b',
    'a\tb',
    'a#b',
    'a"b',
    'a<b>',
    'a\\b',
    'a^b',
    'a`b',
    'a{b}',
    'a|b',
    "a'b",
    'a;b=c',
    'a:b@c',
  ],
  ...[
    'a\x7fb',
    'a\x01b',
    '\xe9',
    '\xc3\xa9',
    'a\0b',
    '*',
    '~x',
    `${'l'.repeat(3000)}`,
    `?${'&'.repeat(500)}`,
  ],
]) {
  add(`target: ${JSON.stringify(rest.slice(0, 20))}`, (id) => get(id, '', rest));
}

// Methods, versions, start lines.
for (const method of [
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'PURGE',
  'get',
  'M-SEARCH',
  'G(T',
  'G\xc9T',
  '',
]) {
  add(
    `method: ${JSON.stringify(method)}`,
    (id) => `${method} ${target(id)} HTTP/1.1\r\nHost: a.test\r\n\r\n`,
  );
}
for (const version of [
  'HTTP/1.0',
  'HTTP/1.2',
  'HTTP/2.0',
  'HTTP/0.9',
  'http/1.1',
  'HTTP/1.1 ',
  'HTTP/01.1',
  '',
]) {
  add(
    `version: ${JSON.stringify(version)}`,
    (id) => `GET ${target(id)} ${version}\r\nHost: a.test\r\n\r\n`,
  );
}
add('start: bare LF', (id) => `GET ${target(id)} HTTP/1.1\nHost: a.test\n\n`);
add('start: empty line before', (id) => `\r\n${get(id)}`);
add('start: two blanks', (id) => `GET  ${target(id)} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
add('start: tab', (id) => `GET\t${target(id)} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
add(
  'start: absolute target, other Host',
  (id) => `GET http://b.test${target(id)} HTTP/1.1\r\nHost: a.test\r\n\r\n`,
);
add(
  'start: absolute target, same Host',
  (id) => `GET http://a.test${target(id)} HTTP/1.1\r\nHost: a.test\r\n\r\n`,
);
add('start: CONNECT', (id) => `CONNECT c${id}.test:80 HTTP/1.1\r\nHost: c${id}.test:80\r\n\r\n`);
add('start: no slash', (id) => `GET c${id}/ HTTP/1.1\r\nHost: a.test\r\n\r\n`);

// Hosts.
for (const host of [
  ...[
    'a.test:80',
    'A.TEST',
    'a.test.',
    'a.test:',
    'a.test:99999',
    'a.test:x',
    ' a.test',
    'a.test ',
    'a.test,b.test',
  ],
  ...[
    'a.test/x',
    'x@a.test',
    'a.test?x',
    'a.test#x',
    'a.test\tb',
    'a_b.test',
    '[::1]',
    '[::1',
    '127.0.0.1',
    '',
    'a..test',
    'a test',
  ],
]) {
  add(
    `host: ${JSON.stringify(host)}`,
    (id) => `GET ${target(id)} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
  );
}
add('host: none', (id) => `GET ${target(id)} HTTP/1.1\r\n\r\n`);
add('host: twice', (id) => `GET ${target(id)} HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n`);

// Fields.
for (const [name, field] of [
  ['NUL in a value', 'X: a\0b'],
  ['control character in a value', 'X: a\x01b'],
  ['bare CR in a value', 'X: a\rb'],
  ['bare LF in a value', 'X: a\nY: b'],
  ['DEL in a value', 'X: a\x7fb'],
  ['latin1 in a value', 'X: a\xe9b'],
  ['UTF-8 in a value', 'X: a\xc3\xa9b'],
  ['latin1 at the end', 'X: caf\xe9'],
  ['tab in a value', 'X: a\tb'],
  ['blank before the colon', 'X : a'],
  ['no colon', 'X'],
  ['empty name', ': a'],
  ['empty value', 'X:'],
  ['no blank after the colon', 'X:a'],
  ['blanks around the value', 'X: \t a \t '],
  ['obs-fold', 'X: a\r\n b'],
  ['blank before the name', ' X: a'],
  ['NUL in the name', 'X\0: a'],
  ['parenthesis in the name', 'X(: a'],
  ['latin1 in the name', 'X\xe9: a'],
  ['underscore in the name', 'X_Y: a'],
  ['dot in the name', 'X.Y: a'],
  ['Connection: close', 'Connection: close'],
  ['Connection names a field', 'X: 1\r\nConnection: X'],
  ['Connection names Host', 'Connection: Host'],
  ['Connection names Content-Length', 'Connection: Content-Length'],
  [
    'Connection: upgrade to h2c',
    'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x',
  ],
  ['Expect: 100-continue without a body', 'Expect: 100-continue'],
  ['Expect: something', 'Expect: something'],
  ['TE: trailers', 'TE: trailers'],
  ['X-Forwarded-For', 'X-Forwarded-For: 9.9.9.9'],
  ['a field of 3 KB', `X: ${'v'.repeat(3000)}`],
  ['60 fields', Array.from({ length: 60 }, (_, i) => `X${i}: v`).join('\r\n')],
] as const) {
  add(`field: ${name}`, (id) => get(id, `${field}\r\n`));
}

// Redirects from plain HTTP: every contender sends redirect.test to the same path at port 8443.
const redirect = (id: number, rest: string, host = 'redirect.test', fields = '') =>
  `GET ${target(id, rest)} HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n`;
for (const rest of [
  ...['', '?', '?a=%20&a=2', 'a//b', '../b', '%2e%2e/b', '%2F', '%0d%0aX:%20y', '%', '%zz'],
  ...['a#b', 'a\\b', '@evil.test', '?//evil.test', 'a b', 'a\tb', 'a\0b', '\xc3\xa9', ';x=y'],
]) {
  add(`redirect: target ${JSON.stringify(rest)}`, (id) => redirect(id, rest));
}
add('redirect: slashes', (id) => `GET //evil.test/c${id} HTTP/1.1\r\nHost: redirect.test\r\n\r\n`);
for (const host of [
  ...[
    'redirect.test:80',
    'REDIRECT.TEST',
    'redirect.test.',
    'redirect.test:x',
    'redirect.test@evil.test',
  ],
  ...['evil.redirect.test', 'evil.test', 'redirect.test,evil.test', 'evil.test/redirect.test'],
]) {
  add(`redirect: host ${JSON.stringify(host)}`, (id) => redirect(id, '', host));
}
for (const field of [
  ...['X-Forwarded-Host: evil.test', 'Forwarded: host=evil.test', 'X-Forwarded-Port: 1'],
  ...['X-Forwarded-Proto: https', 'X-Host-Override: evil.test', 'Location: https://evil.test/'],
]) {
  add(`redirect: field ${field}`, (id) => redirect(id, '', 'redirect.test', `${field}\r\n`));
}
add('redirect: override of another host', (id) =>
  redirect(id, '', 'evil.test', 'X-Host-Override: redirect.test\r\n'),
);
add('redirect: two hosts', (id) => redirect(id, '', 'redirect.test', 'Host: evil.test\r\n'));
add(
  'redirect: absolute target of another host',
  (id) => `GET http://evil.test${target(id)} HTTP/1.1\r\nHost: redirect.test\r\n\r\n`,
);
add(
  'redirect: a body, and a request behind it',
  (id) =>
    `POST ${target(id)} HTTP/1.1\r\nHost: redirect.test\r\nContent-Length: 5\r\n\r\nhello${smuggled(id)}`,
);

// What a client says of those before it.
for (const value of ['for=9.9.9.9', 'for="', 'for=1, , for=2', 'for="[::1]:80";proto=https', '']) {
  add(`field: Forwarded ${JSON.stringify(value)}`, (id) => get(id, `Forwarded: ${value}\r\n`));
}

// Several requests on one connection.
add('sequence: two pipelined', (id) => get(id, '', '1') + get(id, '', '2'));
add('sequence: a body without a length', (id) => `${get(id)}hello`);
add('sequence: GET with a body', (id) => get(id, 'Content-Length: 5\r\n').concat('hello'));
add('sequence: close, then another', (id) => get(id, 'Connection: close\r\n') + smuggled(id));
add('sequence: half a request', (id) => `GET ${target(id)} HTTP/1.1\r\nHost: a`);
add('sequence: half a body', (id) => post(id, 'Content-Length: 50\r\n', 'hello'));

export const corpus: readonly Case[] = builds.map(([name, build], id) => ({
  name,
  bytes: build(id),
}));
