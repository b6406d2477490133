import { createHash } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { useScene } from './support/scene.js';
import { TlsFiles } from './support/tls-files.js';

const scene = useScene();
const tls = new TlsFiles('DNS:a.test');
afterAll(() => tls.remove());

const megabyte = 1024 * 1024;

async function eventually(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('the condition never held');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Waits until a number has not changed for a while. */
async function settled(value: () => number): Promise<number> {
  let last = -1;
  while (value() !== last) {
    last = value();
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  return last;
}

function pattern(length: number): Buffer {
  const data = Buffer.alloc(length);
  for (let i = 0; i < length; i += 4) data.writeUInt32LE((i * 2654435761) >>> 0, i);
  return data;
}

const digest = (data: Buffer) => createHash('sha256').update(data).digest('hex');

describe.each(['http', 'https'] as const)('over %s', (scheme) => {
  async function connected(upstreamUrl: string, limits: object = {}) {
    const gateway = await scene.gateway({
      apis: [{ host: 'a.test', upstream: upstreamUrl }],
      tls,
      limits,
    });
    const client =
      scheme === 'http'
        ? await scene.client(gateway.httpPort)
        : await scene.tlsClient(gateway.httpsPort, 'a.test');
    return { gateway, client };
  }

  it.each(['with a length', 'in chunks'])(
    'a client that stops reading stops the upstream, %s',
    async (how) => {
      const size = 48 * megabyte;
      const content = pattern(megabyte);
      let written = 0;
      const up = await scene.upstream(({ socket }) => {
        const framing =
          how === 'in chunks' ? 'Transfer-Encoding: chunked' : `Content-Length: ${size}`;
        const send = () => {
          while (written < size) {
            written += content.length;
            if (how === 'in chunks') socket.write('100000\r\n');
            const more = socket.write(content);
            if (how === 'in chunks') socket.write(written < size ? '\r\n' : '\r\n0\r\n\r\n');
            if (!more) return;
          }
        };
        socket.on('drain', send);
        return () => {
          socket.write(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`);
          send();
        };
      });
      const { gateway, client } = await connected(up.url);
      client.socket.pause();
      client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
      await eventually(() => written > 0);
      const held = await settled(() => written);
      expect(held).toBeLessThan(size - 16 * megabyte);
      const before = await gateway.measure();
      client.socket.resume();
      const answer = await client.response();
      expect(answer?.body.length).toBe(size);
      expect(digest(answer?.body.subarray(-megabyte) ?? Buffer.alloc(0))).toBe(digest(content));
      expect((await gateway.measure()).rss - before.rss).toBeLessThan(40 * megabyte);
    },
  );

  it('an upload of 24 MB reaches a slow upstream whole', async () => {
    const content = pattern(24 * megabyte);
    const hash = createHash('sha256');
    let received = 0;
    const up = await scene.upstream(({ socket }) => {
      let inBody = false;
      socket.on('data', (data) => {
        const start = inBody ? 0 : data.indexOf('\r\n\r\n') + 4;
        inBody = true;
        hash.update(data.subarray(start));
        received += data.length - start;
        if (received === content.length) {
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
          return;
        }
        socket.pause();
        setTimeout(() => socket.resume(), 2);
      });
      return undefined;
    });
    const { client } = await connected(up.url);
    client.send(`PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${content.length}\r\n\r\n`);
    client.send(content);
    expect((await client.response())?.status).toBe(200);
    expect(hash.digest('hex')).toBe(digest(content));
  });

  it('an upload that waits for its upstream is cut at the bound', async () => {
    // Never a TLS server: whatever the client sends has to wait.
    const up = await scene.upstream(() => undefined);
    const { gateway, client } = await connected(`https://127.0.0.1:${up.port}`, {
      maxBufferedRequestBytes: 1,
      maxSpooledRequestBytes: 1,
    });
    client.send('PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 60000000\r\n\r\n');
    // Not at once: one read of the engine is one piece, which may always wait.
    const sending = setInterval(() => client.send('a piece'), 5);
    await client.closed();
    clearInterval(sending);
    await gateway.logged({ kind: 'request_buffer_exceeded' });
  });

  it('a client that goes away ends the upstream’s request', async () => {
    const up = await scene.upstream(() => undefined);
    const { gateway, client } = await connected(up.url);
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await eventually(() => up.sides[0]?.received().endsWith('\r\n\r\n') ?? false);
    client.close();
    await eventually(() => up.sides[0]?.socket.destroyed === true);
    await gateway.logged({ source: 'downstream', kind: 'client_aborted' });
    expect((await gateway.measure()).counters.requestsActive).toBe(0);
  });

  it('an upstream that dies during an upload makes it a 502', async () => {
    const up = await scene.upstream(
      () =>
        ({ socket }) =>
          socket.destroy(),
    );
    const { client } = await connected(up.url);
    client.send('PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5000000\r\n\r\n');
    client.send(Buffer.alloc(500_000));
    expect((await client.response())?.status).toBe(502);
  });

  it('an answer that comes before the upload is complete reaches the client', async () => {
    let answered = false;
    const up = await scene.upstream(() => ({ socket }) => {
      // It goes on reading: a close would reset the connection, and the answer with it.
      if (!answered) {
        answered = true;
        socket.write('HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig');
      }
    });
    const { client } = await connected(up.url);
    client.send('PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5000000\r\n\r\n');
    client.send(Buffer.alloc(500_000));
    const answer = await client.response();
    expect(answer?.status).toBe(413);
    expect(answer?.body.toString()).toBe('big');
  });

  it.each([
    ['answers nothing', undefined, { responseTimeoutMs: 200 }, 504, 'http_response_timeout'],
    [
      'stops in its head',
      'HTTP/1.1 200 OK\r\nA: ',
      { responseTimeoutMs: 200 },
      504,
      'http_response_timeout',
    ],
    [
      'stops in its body',
      'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc',
      { responseIdleTimeoutMs: 200 },
      undefined,
      'connection_read_timeout',
    ],
  ])('an upstream that %s is given up', async (_, sent, limits, status, kind) => {
    const up = await scene.upstream(() => ({ socket }) => {
      if (sent !== undefined) socket.write(sent);
    });
    const { gateway, client } = await connected(up.url, limits);
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    const answer = await client.response();
    expect(answer?.status).toBe(status);
    await gateway.logged({ kind, source: 'upstream' });
    await eventually(() => up.sides[0]?.socket.destroyed === true);
  });

  it('an upstream that takes nothing of an upload is given up', async () => {
    const up = await scene.upstream(({ socket }) => {
      socket.pause();
      return undefined;
    });
    const { client } = await connected(up.url, {
      upstreamWriteTimeoutMs: 300,
    });
    client.send('PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 60000000\r\n\r\n');
    client.send(Buffer.alloc(30 * megabyte));
    expect((await client.response())?.status).toBe(504);
  });

  it('a client that stops sending its body is cut', async () => {
    const up = await scene.upstream(() => undefined);
    const { gateway, client } = await connected(up.url, { clientReadTimeoutMs: 200 });
    client.send('PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 50\r\n\r\nabc');
    await client.closed();
    await gateway.logged({ kind: 'client_timeout', phase: 'send-request' });
    await eventually(() => up.sides[0]?.socket.destroyed === true);
  });

  it('a client that stops taking its response is cut', async () => {
    const up = await scene.upstream(({ socket }) => {
      const head = 'HTTP/1.1 200 OK\r\nContent-Length: 60000000\r\n\r\n';
      return () => socket.write(Buffer.concat([Buffer.from(head), Buffer.alloc(60_000_000)]));
    });
    const { gateway, client } = await connected(up.url, { clientWriteTimeoutMs: 300 });
    client.socket.pause();
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await gateway.logged({ kind: 'client_timeout', phase: 'send-response' });
    client.socket.resume();
    await client.closed();
  });
});
