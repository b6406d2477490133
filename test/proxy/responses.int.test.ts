import { describe, expect, it } from 'vitest';
import { answering, useScene } from './support/scene.js';

const scene = useScene();

const get = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';

async function ask(response: string | Buffer, request = get) {
  const up = await scene.upstream(response);
  const { httpPort } = await scene.gateway({ apis: [{ host: 'a.test', upstream: up.url }] });
  const client = await scene.client(httpPort);
  client.send(request);
  const answer = await client.response(request.startsWith('HEAD'));
  return { up, client, answer };
}

describe('a response', () => {
  it('in chunks reaches the client whole, without extensions and trailers', async () => {
    const { answer } = await ask(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n',
    );
    expect(answer?.body.toString()).toBe('abcde');
    expect(answer?.headers['transfer-encoding']).toBe('chunked');
    expect(answer?.headers['trailer']).toBeUndefined();
    expect(answer?.rawHead).not.toContain('X-T');
  });

  it('tells of this gateway’s latencies alone, once each', async () => {
    const told = 'X-Kong-Proxy-Latency: 777\r\nx-kong-upstream-latency: 777\r\n';
    const { answer } = await ask(
      `HTTP/1.1 200 OK\r\n${told}A: b\r\nX-Kong-Other: c\r\nContent-Length: 2\r\n\r\nok`,
    );
    expect(answer?.rawHead.match(/^x-kong-(?:proxy|upstream)-latency:/gim)).toHaveLength(2);
    expect(answer?.rawHead).not.toContain('777');
    expect(answer?.headers).toMatchObject({ a: 'b', 'x-kong-other': 'c' });
  });

  it('that ends with its connection reaches the client with an end of its own', async () => {
    const up = await scene.upstream(() => ({ socket }) => {
      socket.end('HTTP/1.0 200 OK\r\nA: b\r\n\r\nuntil close');
    });
    const { httpPort } = await scene.gateway({ apis: [{ host: 'a.test', upstream: up.url }] });
    const client = await scene.client(httpPort);
    client.send(get);
    const answer = await client.response();
    expect(answer?.body.toString()).toBe('until close');
    client.send(get);
    expect((await client.response())?.status).toBe(200);
    expect(up.sides.length).toBe(2);
  });

  it('to HEAD has the length it would have and no body, and the connection stays in step', async () => {
    const { client, answer } = await ask(
      'HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nETag: "x"\r\n\r\n',
      'HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n',
    );
    expect(answer?.headers['content-length']).toBe('12345');
    client.send('HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    expect((await client.response(true))?.status).toBe(200);
  });

  it.each([
    [204, 'HTTP/1.1 204 No Content\r\nA: b\r\n\r\n'],
    [304, 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 99\r\n\r\n'],
  ])('with status %d has no body', async (status, response) => {
    const { client, answer } = await ask(response);
    expect(answer?.status).toBe(status);
    expect(answer?.rawHead).not.toMatch(/content-length: 0/i);
    client.send(get);
    expect((await client.response())?.status).toBe(status);
  });

  it('without a body says so', async () => {
    const { answer } = await ask('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    expect(answer?.headers['content-length']).toBe('0');
  });

  it('keeps status, reason, order and repetition of fields, and bytes above 0x7f', async () => {
    const response = Buffer.from(
      'HTTP/1.1 299 Odd Reason\r\nSet-Cookie: a=1\r\nX-B: caf\xe9\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n',
      'latin1',
    );
    const { answer } = await ask(response);
    expect(answer?.statusLine).toBe('HTTP/1.1 299 Odd Reason');
    expect(answer?.rawHead).toMatch(/Set-Cookie: a=1\r\nX-B: caf\xe9\r\nSet-Cookie: b=2\r\n/);
  });

  it('loses its hop-by-hop fields and those that Connection names', async () => {
    const { answer } = await ask(
      'HTTP/1.1 200 OK\r\nConnection: X-Secret, keep-alive\r\nX-Secret: 1\r\nKeep-Alive: timeout=5\r\n' +
        'Proxy-Connection: x\r\nUpgrade: h2c\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n',
    );
    const text = answer?.rawHead.toLowerCase() ?? '';
    for (const name of ['x-secret', 'keep-alive', 'proxy-connection', 'upgrade', '1994']) {
      expect(text).not.toContain(name);
    }
  });

  it('is awaited through interim responses, which are not passed on', async () => {
    const { answer } = await ask(
      'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    );
    expect(answer?.status).toBe(200);
    expect(answer?.rawHead).not.toContain('Link');
  });

  it.each([
    ['is no HTTP', 'hello\r\n\r\n', 'http_protocol_error'],
    [
      'has two lengths',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na',
      'http_protocol_error',
    ],
    ['switches protocols unasked', 'HTTP/1.1 101 X\r\n\r\n', 'http_protocol_error'],
  ])('that %s becomes a 502', async (_, response, kind) => {
    const { answer } = await ask(response);
    expect(answer?.status).toBe(502);
    expect(answer?.headers['proxy-status']).toBe(`signet; error=${kind}`);
  });

  it('that breaks off after its head cuts the client’s connection: it must not look whole', async () => {
    const up = await scene.upstream(() => ({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
      setTimeout(() => socket.destroy(), 20);
    });
    const gateway = await scene.gateway({ apis: [{ host: 'a.test', upstream: up.url }] });
    const client = await scene.client(gateway.httpPort);
    client.send(get);
    expect(await client.response()).toBeUndefined();
    expect(client.received.toString()).not.toContain('0\r\n\r\n');
    await gateway.logged({ phase: 'receive-body', kind: 'http_response_incomplete' });
  });

  it('of 3 MB is the same bytes, with a length and in chunks', async () => {
    const content = Buffer.alloc(3_000_000);
    for (let i = 0; i < content.length; i++) content[i] = (i * 7919) >> 3;
    const up = await scene.upstream(
      answering((head) => {
        if (head.startsWith('GET /length')) {
          return Buffer.concat([
            Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${content.length}\r\n\r\n`),
            content,
          ]);
        }
        const size = Buffer.from(`${content.length.toString(16)}\r\n`);
        const start = Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
        return Buffer.concat([start, size, content, Buffer.from('\r\n0\r\n\r\n')]);
      }),
    );
    const { httpPort } = await scene.gateway({ apis: [{ host: 'a.test', upstream: up.url }] });
    const client = await scene.client(httpPort);
    for (const path of ['/length', '/chunks', '/length']) {
      client.send(`GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
      const answer = await client.response();
      expect(answer?.body.equals(content)).toBe(true);
    }
  });

  it('of an event stream passes event by event', async () => {
    const up = await scene.upstream(() => ({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n');
    });
    const { httpPort } = await scene.gateway({ apis: [{ host: 'a.test', upstream: up.url }] });
    const client = await scene.client(httpPort);
    client.send(get);
    await client.until(() => client.received.includes('data: 1\n\n'));
    up.sides[0]?.socket.write('data: 2\n\n');
    await client.until(() => client.received.includes('data: 2\n\n'));
  });

  it('whose body is yet to come has its head passed on at once if its length is known', async () => {
    const up = await scene.upstream(() => ({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n');
    });
    const { httpPort } = await scene.gateway({ apis: [{ host: 'a.test', upstream: up.url }] });
    const client = await scene.client(httpPort);
    client.send(get);
    await client.until(() => client.received.includes('\r\n\r\n'));
    up.sides[0]?.socket.write('late');
    expect((await client.response())?.body.toString()).toBe('late');
  });
});
