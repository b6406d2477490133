import { createServer, type Server } from 'node:http';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws';
import { useScene } from './support/scene.js';
import { TlsFiles } from './support/tls-files.js';

const scene = useScene();
const tls = new TlsFiles('DNS:a.test');
afterAll(() => tls.remove());

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** An upstream whose WebSockets a test gets one by one. */
async function webSocketUpstream(onConnection: (socket: WebSocket) => void, options: object = {}) {
  const server = createServer();
  servers.push(server);
  const sockets = new WebSocketServer({ server, ...options });
  sockets.on('connection', onConnection);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://127.0.0.1:${address.port}`;
}

const clients: WebSocket[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.terminate();
});

const event = <T>(socket: WebSocket, name: string) =>
  new Promise<T[]>((resolve) => {
    socket.once(name, (...values: T[]) => resolve(values));
  });

const closed = async (socket: WebSocket) => {
  const [code, reason] = await event<number | Buffer>(socket, 'close');
  return { code, reason: String(reason) };
};

describe.each(['ws', 'wss'] as const)('a WebSocket over %s', (scheme) => {
  async function connect(upstream: string, protocols: string[] = [], limits: object = {}) {
    const gateway = await scene.gateway({ apis: [{ host: 'a.test', upstream }], tls, limits });
    const port = scheme === 'ws' ? gateway.httpPort : gateway.httpsPort;
    const options: ClientOptions & { servername: string } = {
      headers: { host: 'a.test', cookie: 'c=1' },
      rejectUnauthorized: false,
      servername: 'a.test',
    };
    const client = new WebSocket(`${scheme}://127.0.0.1:${port}/chat?x=1`, protocols, options);
    clients.push(client);
    client.on('error', () => undefined);
    return { gateway, client };
  }

  async function opened(onConnection: (socket: WebSocket) => void, limits: object = {}) {
    const upstream = await webSocketUpstream(onConnection);
    const { gateway, client } = await connect(upstream, [], limits);
    await event(client, 'open');
    return { gateway, client };
  }

  it('carries text and binary both ways, each as what it is', async () => {
    const { client } = await opened((socket) => {
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
    client.send('grüße ☃');
    const [text, textIsBinary] = await event<Buffer | boolean>(client, 'message');
    expect([String(text), textIsBinary]).toEqual(['grüße ☃', false]);
    client.send(Buffer.from([0, 255, 128]));
    const [data, isBinary] = await event<Buffer | boolean>(client, 'message');
    expect([data, isBinary]).toEqual([Buffer.from([0, 255, 128]), true]);
    client.send('');
    expect(String((await event(client, 'message'))[0])).toBe('');
  });

  it('carries big and fragmented messages whole', async () => {
    const big = Buffer.alloc(3_000_000, 'abcdefg');
    const { client } = await opened((socket) => {
      socket.on('message', (data, isBinary) => {
        socket.send('frag', { fin: false });
        socket.send('mented', { fin: true });
        socket.send(data, { binary: isBinary });
      });
    });
    client.send(big.subarray(0, 1_000_000), { fin: false, binary: true });
    client.send(big.subarray(1_000_000), { fin: true });
    expect(String((await event(client, 'message'))[0])).toBe('fragmented');
    const [data] = await event<Buffer>(client, 'message');
    expect(data?.equals(big)).toBe(true);
  });

  it('passes path, fields and the client’s address on, and the chosen subprotocol back', async () => {
    const server = createServer();
    servers.push(server);
    const seen: { url?: string; cookie?: string; realIp?: unknown; proto?: unknown } = {};
    const sockets = new WebSocketServer({ server, handleProtocols: () => 'chat.v2' });
    sockets.on('connection', (_, request) => {
      Object.assign(seen, {
        url: request.url,
        cookie: request.headers.cookie,
        realIp: request.headers['x-real-ip'],
        proto: request.headers['x-forwarded-proto'],
      });
    });
    sockets.on('headers', (headers) => headers.push('X-Up: 1'));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const { client } = await connect(`http://127.0.0.1:${address.port}`, ['chat.v1', 'chat.v2']);
    const [response] = await event<{ headers: Record<string, string> }>(client, 'upgrade');
    expect(response?.headers['x-up']).toBe('1');
    expect(response?.headers['via']).toBe('signet/0.0.0');
    expect(client.protocol).toBe('chat.v2');
    expect(seen).toEqual({
      url: '/chat?x=1',
      cookie: 'c=1',
      realIp: '127.0.0.1',
      proto: scheme === 'ws' ? 'http' : 'https',
    });
  });

  it.each([1000, 1001, 1011, 3000, 4999])('carries the upstream’s close code %d', async (code) => {
    const { client } = await opened((socket) => {
      socket.on('message', () => socket.close(code, 'the reason'));
    });
    client.send('close');
    expect(await closed(client)).toEqual({ code, reason: 'the reason' });
  });

  it.each([1000, 1001, 4000, 4999])('carries the client’s close code %d', async (code) => {
    let upstreamClosed: Promise<unknown> | undefined;
    const { client } = await opened((socket) => {
      upstreamClosed = closed(socket);
    });
    client.close(code, 'why');
    expect(await closed(client)).toEqual({ code, reason: 'why' });
    expect(await upstreamClosed).toEqual({ code, reason: 'why' });
  });

  it('that breaks off on one side breaks off on the other', async () => {
    let upstream: WebSocket | undefined;
    const { client } = await opened((socket) => {
      upstream = socket;
      socket.on('error', () => undefined);
    });
    upstream?.terminate();
    expect((await closed(client)).code).toBe(1006);

    let second: Promise<{ code: unknown }> | undefined;
    const again = await opened((socket) => {
      second = closed(socket);
    });
    again.client.terminate();
    expect((await second)?.code).toBe(1006);
  });

  it('carries the upstream’s ping to the client and its pong back; the client’s is answered', async () => {
    let upstream: WebSocket | undefined;
    const { client } = await opened((socket) => {
      upstream = socket;
    });
    if (upstream === undefined) throw new Error('no upstream');
    const ponged = event<Buffer>(upstream, 'pong');
    upstream.ping('are you there');
    expect(String((await event<Buffer>(client, 'ping'))[0])).toBe('are you there');
    expect(String((await ponged)[0])).toBe('are you there');
    const upstreamPinged = event<Buffer>(upstream, 'ping');
    client.ping('me too');
    expect(String((await event<Buffer>(client, 'pong'))[0])).toBe('me too');
    expect(String((await upstreamPinged)[0])).toBe('me too');
  });

  it('whose client reads slowly stops the upstream', async () => {
    let upstream: WebSocket | undefined;
    const { gateway, client } = await opened((socket) => {
      upstream = socket;
    });
    if (upstream === undefined) throw new Error('no upstream');
    client.pause();
    const message = Buffer.alloc(1024 * 1024);
    const count = 64;
    const before = await gateway.measure();
    for (let i = 0; i < count; i++) upstream.send(message);
    let buffered = -1;
    while (upstream.bufferedAmount !== buffered) {
      buffered = upstream.bufferedAmount;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(buffered).toBeGreaterThan(30 * message.length);
    expect((await gateway.measure()).rss - before.rss).toBeLessThan(30 * 1024 * 1024);
    let received = 0;
    const all = new Promise<void>((resolve) => {
      client.on('message', () => {
        if (++received === count) resolve();
      });
    });
    client.resume();
    await all;
  });

  it('whose upstream reads nothing is closed at the bound', async () => {
    const { client } = await opened(
      (socket) => {
        socket.pause();
      },
      { maxBufferedWebSocketBytes: 1_000_000 },
    );
    const message = Buffer.alloc(1024 * 1024);
    for (let i = 0; i < 16; i++) client.send(message);
    expect((await closed(client)).code).toBe(1011);
  });

  it('ends with 1001 on both sides when the gateway goes', async () => {
    let upstreamClosed: Promise<{ code: unknown }> | undefined;
    const { gateway, client } = await opened((socket) => {
      upstreamClosed = closed(socket);
    });
    gateway.closeWebSockets();
    expect((await closed(client)).code).toBe(1001);
    expect((await upstreamClosed)?.code).toBe(1001);
  });

  it('that the upstream refuses is answered as the upstream did', async () => {
    const up = await scene.upstream('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
    const { client } = await connect(up.url);
    const [, response] = await event<{ statusCode: number }>(client, 'unexpected-response');
    expect(response?.statusCode).toBe(403);
  });

  it.each([
    [
      'the wrong accept',
      'Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: x\r\n',
    ],
    ['no accept', 'Upgrade: websocket\r\nConnection: upgrade\r\n'],
    ['another protocol', 'Upgrade: h2c\r\nConnection: upgrade\r\n'],
  ])('whose upstream switches with %s is a 502', async (_, fields) => {
    const up = await scene.upstream(`HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n`);
    const { client } = await connect(up.url);
    const [, response] = await event<{ statusCode: number }>(client, 'unexpected-response');
    expect(response?.statusCode).toBe(502);
  });
});

describe('a WebSocket that its upstream closes', () => {
  it.each(['http', 'https'] as const)(
    'over %s is closed by us: clients wait for that',
    async (on) => {
      const upstream = await webSocketUpstream((socket) => socket.close(1000, 'done'));
      const gateway = await scene.gateway({ apis: [{ host: 'a.test', upstream }], tls });
      const client = await (on === 'http'
        ? scene.client(gateway.httpPort)
        : scene.tlsClient(gateway.httpsPort, 'a.test'));
      client.send(
        'GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
          'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
      );
      expect((await client.response())?.status).toBe(101);
      // RFC 6455 §7.1.1: the server closes the connection first.
      await client.closed();
      // By itself the engine would, after 16 s.
    },
    8_000,
  );
});

describe.each(['http', 'https'] as const)('over %s, a handshake that is none', (on) => {
  it.each([
    ['without Upgrade', 'Connection: upgrade\r\nSec-WebSocket-Version: 13\r\n'],
    ['without Connection', 'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'],
    [
      'with another version',
      'Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 8\r\n',
    ],
    ['to TLS', 'Upgrade: TLS/1.2\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n'],
    ['to another protocol', 'Upgrade: h2c\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n'],
  ])('%s is forwarded as a plain request', async (_, fields) => {
    const up = await scene.upstream('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    const apis = [{ host: 'a.test', upstream: up.url }];
    const { httpPort, httpsPort } = await scene.gateway({ apis, tls });
    const client = await (on === 'http'
      ? scene.client(httpPort)
      : scene.tlsClient(httpsPort, 'a.test'));
    const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
    client.send(`GET / HTTP/1.1\r\nHost: a.test\r\n${key}${fields}\r\n`);
    expect((await client.response())?.status).toBe(200);
    expect(up.sides[0]?.received()).not.toMatch(/^(?:upgrade|connection|sec-websocket)/m);
  });
});
