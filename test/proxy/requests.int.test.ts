import { describe, expect, it } from 'vitest';
import { answering, useScene } from './support/scene.js';

const scene = useScene();
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

async function forward(request: string, api: object = {}, options: object = {}) {
  const up = await scene.upstream(ok);
  const { httpPort } = await scene.gateway({
    apis: [{ host: 'a.test', upstream: up.url, ...api }],
    ...options,
  });
  const client = await scene.client(httpPort);
  client.send(request);
  const answer = await client.response();
  return { up, client, answer, received: up.sides[0]?.received() ?? '', port: up.port };
}

describe('a request', () => {
  it('loses its hop-by-hop fields and those that Connection names', async () => {
    const { received } = await forward(
      'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, X-Secret\r\nX-Secret: 1\r\n' +
        'Keep-Alive: timeout=5\r\nTE: trailers\r\nTrailer: x\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n' +
        'Proxy-Connection: x\r\nX-Kept: 1\r\n\r\n',
    );
    for (const name of ['connection', 'x-secret', 'keep-alive', 'te', 'trailer', 'upgrade']) {
      expect(received).not.toMatch(new RegExp(`^${name}:`, 'm'));
    }
    expect(received).toContain('x-kept: 1\r\n');
  });

  it('keeps what the gateway adds even if Connection names it', async () => {
    const { received } = await forward(
      'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: X-Real-IP, X-Forwarded-For, Host, Content-Length\r\n\r\n',
    );
    expect(received).toContain('x-real-ip: 127.0.0.1\r\n');
    expect(received).toContain('x-forwarded-for: 127.0.0.1\r\n');
    expect(received).toMatch(/^host: /m);
  });

  it.each([
    ['without a query', '/x'],
    ['with an empty query', '/x?'],
    ['with everything percent-encoded as it came', '/a%20b/%2F%2f/?q=%41&q=1&&=#'.slice(0, -1)],
    ['with dot segments', '/a/../b/./c'],
    ['with slashes at the end', '/a//b//'],
  ])('%s has the same target upstream', async (_, target) => {
    const { received } = await forward(`GET ${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    expect(received.split('\r\n')[0]).toBe(`GET ${target} HTTP/1.1`);
  });

  it.each([
    [{ preserveHost: false }, 'a.test:8000', undefined],
    [{ preserveHost: true }, 'A.test:8000', 'a.test'],
    [{ preserveHost: true, host: '*.test' }, 'b.test:8000', 'b.test:8000'],
    [{ preserveHost: true, host: 'x.test', path: '/' }, 'c.test:8000', 'c.test:8000'],
  ])('with %j and Host %s is sent with the right Host', async (api, host, expected) => {
    const { received, port } = await forward(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`, api);
    expect(received).toContain(`\r\nhost: ${expected ?? `127.0.0.1:${port}`}\r\n`);
  });

  it('found by path and stripped says which prefix is gone', async () => {
    const { received } = await forward(
      'GET /p/x HTTP/1.1\r\nHost: b.test\r\nX-Forwarded-Prefix: /evil\r\nX-Forwarded-Host: client.test\r\n\r\n',
      { path: '/p', strip: true },
    );
    expect(received.split('\r\n')[0]).toBe('GET /x HTTP/1.1');
    expect(received).toContain('\r\nx-forwarded-prefix: /p\r\n');
    expect(received).toContain('\r\nx-forwarded-host: client.test\r\n');
  });

  it('found by a wildcard has no X-Forwarded-Host', async () => {
    const { received } = await forward(
      'GET / HTTP/1.1\r\nHost: b.test\r\nX-Forwarded-Host: x\r\n\r\n',
      { host: '*.test' },
    );
    expect(received).not.toContain('x-forwarded-host');
  });

  it('has the client’s list continued as Kong does, unless trusted networks are set', async () => {
    const request = 'GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 9.9.9.9, 10.0.0.1\r\n\r\n';
    const asKong = await forward(request);
    expect(asKong.received).toContain('\r\nx-real-ip: 9.9.9.9\r\n');
    expect(asKong.received).toContain('\r\nx-forwarded-for: 9.9.9.9, 10.0.0.1, 9.9.9.9\r\n');

    const stranger = await forward(request, {}, { trustedIps: ['10.0.0.0/8'] });
    expect(stranger.received).toContain('\r\nx-real-ip: 127.0.0.1\r\n');
    expect(stranger.received).toContain('\r\nx-forwarded-for: 127.0.0.1\r\n');

    const trusted = await forward(request, {}, { trustedIps: ['10.0.0.0/8', '127.0.0.1'] });
    expect(trusted.received).toContain('\r\nx-real-ip: 9.9.9.9\r\n');
    expect(trusted.received).toContain('\r\nx-forwarded-for: 9.9.9.9, 10.0.0.1, 127.0.0.1\r\n');
  });

  it.each([
    ['nobody said anything', 'a.test:8000', undefined, undefined],
    ['a stranger did', 'a.test:8000', 'for=9.9.9.9', undefined],
    ['somebody did, without trusted networks', 'a.test:8000', 'for=9.9.9.9', 'everybody'],
    ['a trusted proxy did', 'a.test:8000', 'for="[2001:db8::1]:80";proto=https, for=_x', 'peer'],
    ['a trusted proxy passed on an open quote', 'a.test:8000', 'for="', 'peer'],
    ['a trusted proxy passed on nonsense', 'a.test:8000', 'for=1;;, x', 'peer'],
  ])('has a Forwarded of RFC 7239 where %s', async (_, host, told, trust) => {
    const options = { peer: { trustedIps: ['127.0.0.1'] }, everybody: {} }[trust ?? ''];
    const field = told === undefined ? '' : `Forwarded: ${told}\r\n`;
    const { received } = await forward(
      `GET / HTTP/1.1\r\nHost: ${host}\r\n${field}\r\n`,
      {},
      options ?? { trustedIps: ['10.0.0.0/8'] },
    );
    const own = `for=127.0.0.1;host="${host}";proto=http`;
    const isContinued = trust === 'peer' && told?.includes('2001');
    expect(received.match(/^forwarded: .*$/gm)).toEqual([
      `forwarded: ${isContinued ? `${told}, ${own}` : own}`,
    ]);
  });

  it('with a body is framed anew, by its length or in chunks', async () => {
    const bodies: string[] = [];
    const up = await scene.upstream(() => {
      return ({ socket, received }) => {
        if (!/(?:hello|\r\n0\r\n\r\n)$/.test(received())) return;
        bodies.push(received().slice(bodies.join('').length));
        socket.write(ok);
      };
    });
    const { httpPort } = await scene.gateway({ apis: [{ host: 'a.test', upstream: up.url }] });
    const first = await scene.client(httpPort);
    first.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello');
    expect((await first.response())?.status).toBe(200);
    expect(bodies[0]).toContain('\r\ncontent-length: 5\r\n');
    expect(bodies[0]).not.toContain('transfer-encoding');

    const second = await scene.client(httpPort);
    second.send(
      'POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n',
    );
    expect((await second.response())?.status).toBe(200);
    const chunked = bodies[1] ?? '';
    expect(chunked).toContain('\r\ntransfer-encoding: chunked\r\n');
    expect(chunked).not.toContain('content-length');
  });

  it('with a chunked body is the last of its connection: the engine reads past trailers', async () => {
    const { client, answer, up } = await forward(
      'POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    );
    expect(answer?.status).toBe(200);
    client.send('GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await client.closed();
    expect(up.sides.map((side) => side.received()).join()).not.toContain('smuggled');
  });

  it('that expects 100-continue is told to go on', async () => {
    const up = await scene.upstream(
      answering((head, index) => (index === 0 && head.includes('hello') ? '' : ok)),
    );
    const { httpPort } = await scene.gateway({ apis: [{ host: 'a.test', upstream: up.url }] });
    const client = await scene.client(httpPort);
    client.send(
      'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n',
    );
    expect((await client.response())?.status).toBe(100);
    client.send('hello');
    expect((await client.response())?.status).toBe(200);
    expect(up.sides[0]?.received()).not.toContain('expect');
  });

  it('while draining is answered on a connection that then closes', async () => {
    const up = await scene.upstream(ok);
    const gateway = await scene.gateway({ apis: [{ host: 'a.test', upstream: up.url }] });
    const client = await scene.client(gateway.httpPort);
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    expect((await client.response())?.status).toBe(200);
    await gateway.drain();
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    expect((await client.response())?.body.toString()).toBe('ok');
    await client.closed();
  });

  it('that comes back through its own route again and again is answered 508', async () => {
    const { answer } = await forward(
      `GET / HTTP/1.1\r\nHost: a.test\r\nVia: ${Array(9).fill('1.1 signet').join(', ')}\r\n\r\n`,
    );
    expect(answer?.status).toBe(508);
  });
});
