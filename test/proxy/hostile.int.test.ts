import { describe, expect, it } from 'vitest';
import { useScene } from './support/scene.js';

const scene = useScene();
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n';

async function send(request: string) {
  const up = await scene.upstream(ok);
  const { httpPort } = await scene.gateway({ apis: [{ host: 'a.test', upstream: up.url }] });
  const client = await scene.client(httpPort);
  client.send(request);
  const answer = await client.response();
  const received = up.sides.map((side) => side.received()).join('');
  return { client, answer, received };
}

const post = (fields: string, body: string) =>
  `POST / HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n${body}`;

describe('a request whose end could be read in two ways', () => {
  const requests = [
    [
      'two different lengths',
      post('Content-Length: 5\r\nContent-Length: 0\r\n', `hello${smuggled}`),
    ],
    ['two equal lengths', post('Content-Length: 5\r\nContent-Length: 5\r\n', `hello${smuggled}`)],
    [
      'a length and a coding',
      post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${smuggled}`),
    ],
    [
      'a coding and an empty length',
      post('Content-Length:\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${smuggled}`),
    ],
    ['a signed length', post('Content-Length: +5\r\n', `hello${smuggled}`)],
    ['a list of lengths', post('Content-Length: 5, 5\r\n', `hello${smuggled}`)],
    ['a hexadecimal length', post('Content-Length: 0x5\r\n', `hello${smuggled}`)],
    ['a length of 20 digits', post('Content-Length: 99999999999999999999\r\n', smuggled)],
    ['identity', post('Transfer-Encoding: identity\r\n', smuggled)],
    ['gzip, chunked', post('Transfer-Encoding: gzip, chunked\r\n', `0\r\n\r\n${smuggled}`)],
    ['xchunked', post('Transfer-Encoding: xchunked\r\n', `0\r\n\r\n${smuggled}`)],
    ['chunked, identity', post('Transfer-Encoding: chunked, identity\r\n', `0\r\n\r\n${smuggled}`)],
    [
      'chunked twice',
      post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${smuggled}`),
    ],
    ['a blank before the colon', post('Content-Length : 5\r\n', `hello${smuggled}`)],
    ['obs-fold', post('Content-Length:\r\n 5\r\n', `hello${smuggled}`)],
    [
      'a bare LF in the head',
      `POST / HTTP/1.1\nHost: a.test\nContent-Length: 5\n\nhello${smuggled}`,
    ],
    ['NUL in a value', post('X: a\0b\r\n', smuggled)],
    ['two Hosts', `GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n${smuggled}`],
    ['no Host', `GET / HTTP/1.1\r\n\r\n${smuggled}`],
    ['an absolute target', `GET http://b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n${smuggled}`],
    ['a malformed Host', 'GET / HTTP/1.1\r\nHost: a.test@evil\r\n\r\n'],
    ['a Host with a path', 'GET / HTTP/1.1\r\nHost: a.test/x\r\n\r\n'],
    ['a fragment', 'GET /a#b HTTP/1.1\r\nHost: a.test\r\n\r\n'],
    ['CONNECT to a path', 'CONNECT /x HTTP/1.1\r\nHost: a.test\r\n\r\n'],
    ['a method that is no token', 'G(T / HTTP/1.1\r\nHost: a.test\r\n\r\n'],
    ['bytes above 0x7f in the target', 'GET /\xe9 HTTP/1.1\r\nHost: a.test\r\n\r\n'],
  ] as const;
  // What is behind a request ends its connection in any case, so each is sent alone too.
  const alone = requests.map(([name, request]) => {
    return [`${name}, alone,`, request.replace(smuggled, '')] as const;
  });
  it.each([...requests, ...alone])(
    'by %s reaches no upstream and ends its connection',
    async (_, request) => {
      const { client, answer, received } = await send(request);
      expect(received).toBe('');
      if (answer !== undefined) expect(answer.status).toBeGreaterThanOrEqual(400);
      await client.closed();
    },
  );

  it('by trailers smuggles nothing: its connection ends', async () => {
    const chunked = post('Transfer-Encoding: chunked\r\n', `0\r\nX: ${smuggled}\r\n\r\n`);
    const { client, received } = await send(chunked);
    await client.closed();
    expect(received).not.toContain('/smuggled');
  });

  it('by what follows a refused request smuggles nothing', async () => {
    const refused = 'GET /a#b HTTP/1.1\r\nHost: a.test\r\n\r\n';
    const { client, received } = await send(`${refused}${smuggled}`);
    await client.closed();
    expect(received).toBe('');
  });
});

describe('limits of a request', () => {
  it('let 32 KB of fields pass', async () => {
    const { answer, received } = await send(
      `GET / HTTP/1.1\r\nHost: a.test\r\nX-Big: ${'v'.repeat(32_000)}\r\n\r\n`,
    );
    expect(answer?.status).toBe(200);
    expect(received).toContain('v'.repeat(32_000));
  });

  it.each([
    ['fields beyond 64 KB', `X: ${'v'.repeat(70_000)}\r\n`],
    ['a hundred fields', 'X: v\r\n'.repeat(100)],
  ])('refuse %s', async (_, fields) => {
    const { answer, received } = await send(`GET / HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n`);
    expect(answer?.status).toBe(431);
    expect(received).toBe('');
  });

  it('let a target of 32 KB pass and refuse one beyond 64 KB', async () => {
    const get = (bytes: number) => `GET /${'u'.repeat(bytes)} HTTP/1.1\r\nHost: a.test\r\n\r\n`;
    const long = await send(get(32_000));
    expect([long.answer?.status, long.received.includes('u'.repeat(32_000))]).toEqual([200, true]);
    const huge = await send(get(70_000));
    expect([huge.answer?.status, huge.received]).toEqual([431, '']);
  });
});
