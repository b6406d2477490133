import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { RawClient } from './support/raw-client.js';
import { useScene } from './support/scene.js';
import { clientFrame, serverFrame } from './support/server-frame.js';
import { TlsFiles } from './support/tls-files.js';

const scene = useScene();
const tls = new TlsFiles('DNS:a.test');
afterAll(() => tls.remove());

const key = 'dGhlIHNhbXBsZSBub25jZQ==';
const accept = createHash('sha1')
  .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
  .digest('base64');

const handshake = `GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`;

/** Frames in short: `text:abc`, `close:1000`. Masks are undone. */
function framesIn(bytes: Buffer): string[] {
  const names = new Map([
    [0x81, 'text'],
    [0x82, 'binary'],
    [0x01, 'text…'],
    [0x80, '…'],
    [0x88, 'close'],
    [0x89, 'ping'],
    [0x8a, 'pong'],
  ]);
  const frames: string[] = [];
  for (let at = 0; at + 1 < bytes.length; ) {
    const name = names.get(bytes[at] ?? 0) ?? `0x${bytes[at]?.toString(16)}`;
    const isMasked = ((bytes[at + 1] ?? 0) & 0x80) !== 0;
    const length = (bytes[at + 1] ?? 0) & 0x7f;
    const start = at + 2 + (isMasked ? 4 : 0);
    const mask = bytes.subarray(at + 2, start);
    const payload = Buffer.from(bytes.subarray(start, start + length));
    if (isMasked) for (const [n, byte] of payload.entries()) payload[n] = byte ^ (mask[n % 4] ?? 0);
    const text =
      name === 'close'
        ? length === 0
          ? ''
          : `${payload.readUInt16BE(0)}`
        : payload.toString('latin1');
    frames.push(`${name}:${text}`);
    at = start + length;
  }
  return frames;
}

describe.each(['http', 'https'] as const)('a WebSocket over %s, byte by byte,', (on) => {
  /**
   * Opened, with the bytes of both sides in the test's hands.
   * @param early what the upstream sends together with its 101.
   */
  async function opened(limits: object = {}, early = '') {
    let server: Socket | undefined;
    let received = Buffer.alloc(0);
    let hasEnded = false;
    const up = await scene.upstream(({ socket }) => {
      server = socket;
      let isOpen = false;
      socket.on('data', (data) => {
        received = Buffer.concat([received, data]);
        if (isOpen || !received.includes('\r\n\r\n')) return;
        isOpen = true;
        received = Buffer.alloc(0);
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n${early}`,
          'latin1',
        );
      });
      socket.on('end', () => {
        hasEnded = true;
      });
      socket.on('close', () => {
        hasEnded = true;
      });
      return undefined;
    });
    const apis = [{ host: 'a.test', upstream: up.url }];
    const gateway = await scene.gateway({ apis, tls, limits });
    const client: RawClient =
      on === 'http'
        ? await scene.client(gateway.httpPort)
        : await scene.tlsClient(gateway.httpsPort, 'a.test');
    client.send(handshake);
    expect((await client.response())?.status).toBe(101);
    if (server === undefined) throw new Error('no upstream');
    return {
      server,
      client,
      atServer: () => framesIn(received),
      atClient: () => framesIn(client.received),
      serverEnded: async () => {
        while (!hasEnded) await new Promise((resolve) => setTimeout(resolve, 5));
      },
    };
  }

  it('whose upstream speaks first: what comes with its 101 arrives', async () => {
    const early = Buffer.concat([serverFrame(0x81, 'hello'), serverFrame(0x82, 'you')]);
    const { server, client, atClient } = await opened({}, early.toString('latin1'));
    server.end(serverFrame(0x88, '\x03\xe8'));
    await client.closed();
    expect(atClient()).toEqual(['text:hello', 'binary:you', 'close:1000']);
  });

  it.each([
    ['a frame', clientFrame(0x81, 'too early')],
    ['a request', Buffer.from('GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n')],
  ])(
    'whose client sends %s behind its handshake ends, and nobody reads that',
    async (_, behind) => {
      // Refuses late, as if the two had not agreed on what the bytes behind it are.
      const up = await scene.upstream(({ socket }) => () => {
        setTimeout(
          () => socket.end('HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n'),
          50,
        );
      });
      const gateway = await scene.gateway({ apis: [{ host: 'a.test', upstream: up.url }], tls });
      const client =
        on === 'http'
          ? await scene.client(gateway.httpPort)
          : await scene.tlsClient(gateway.httpsPort, 'a.test');
      client.send(Buffer.concat([Buffer.from(handshake), behind]));
      await client.closed();
      const received = up.sides.map((side) => side.received()).join('');
      expect(received).not.toMatch(/smuggled|too early/);
    },
  );

  it('whose upstream half-closes after a message: it arrives, then both sides end', async () => {
    const { server, client, atClient, serverEnded } = await opened();
    server.end(serverFrame(0x81, 'last words'));
    await client.closed();
    await serverEnded();
    expect(atClient()).toEqual(['text:last words']);
  });

  it('whose upstream half-closes inside a message: what came arrives, then both sides end', async () => {
    const { server, client, atClient, serverEnded } = await opened();
    server.end(
      Buffer.concat([
        serverFrame(0x01, 'first'),
        serverFrame(0x80, 'x'.repeat(100)).subarray(0, 50),
      ]),
    );
    await client.closed();
    await serverEnded();
    expect(atClient()[0]).toBe('text…:first');
    expect(atClient().every((frame) => !frame.startsWith('…'))).toBe(true);
  });

  // Over TLS the engine drops what it reads together with a close_notify, so the client waits with that.
  it.each([
    ['a message', clientFrame(0x81, 'last words'), 'text:last words'],
    ['its close', clientFrame(0x88, '\x0f\xa0'), 'close:4000'],
  ])(
    'whose client half-closes after %s: it arrives, then both sides end',
    async (_, bytes, frame) => {
      const { client, atServer, serverEnded } = await opened();
      client.send(bytes);
      await vi.waitUntil(() => atServer().length === 1, { interval: 5 });
      client.socket.end();
      await serverEnded();
      await client.closed();
      expect(atServer()).toEqual([frame]);
    },
  );

  it('whose upstream half-closes after its close: the client is told the code', async () => {
    const { server, client, atClient, serverEnded } = await opened();
    server.end(serverFrame(0x88, '\x0b\xb8why'));
    await client.closed();
    await serverEnded();
    expect(atClient()).toEqual(['close:3000']);
  });

  it('whose client closes with 3000, which the engine does not know, just ends', async () => {
    const { client, atServer, serverEnded } = await opened();
    client.send(clientFrame(0x88, '\x0b\xb8'));
    await serverEnded();
    expect(atServer()).toEqual([]);
  });

  it('that is closed without a code on one side is on the other', async () => {
    const first = await opened();
    first.server.write(serverFrame(0x88, ''));
    await first.client.closed();
    expect([first.atClient(), first.atServer()]).toEqual([['close:'], ['close:']]);
    const second = await opened();
    second.client.send(clientFrame(0x88, ''));
    await second.serverEnded();
    expect(second.atServer()).toEqual(['close:']);
  });

  it.each([
    ['a masked frame', clientFrame(0x81, 'x')],
    ['a reserved bit', serverFrame(0xc1, 'x')],
    ['a reserved opcode', serverFrame(0x83, 'x')],
    ['a continuation of nothing', serverFrame(0x80, 'x')],
    ['a fragmented ping', serverFrame(0x09, 'x')],
    ['a close of one byte', serverFrame(0x88, 'x')],
    ['a close with 1005', serverFrame(0x88, '\x03\xed')],
    ['a close with 999', serverFrame(0x88, '\x03\xe7')],
  ])('whose upstream sends %s ends with 1011 on both sides', async (_, bytes) => {
    const { server, client, atServer, atClient, serverEnded } = await opened();
    server.write(Buffer.concat([serverFrame(0x81, 'good'), bytes, serverFrame(0x81, 'late')]));
    await client.closed();
    await serverEnded();
    expect(atClient()).toEqual(['text:good', 'close:1011']);
    expect(atServer()).toEqual(['close:1011']);
  });

  it.each([
    // A frame that is not masked the engine takes for one that is: garbage of that client's own.
    ['a reserved bit', clientFrame(0xc1, 'x')],
    ['a reserved opcode', clientFrame(0x83, 'x')],
    ['a continuation of nothing', clientFrame(0x80, 'x')],
    ['a message inside a message', Buffer.concat([clientFrame(0x01, 'a'), clientFrame(0x81, 'b')])],
    ['a fragmented ping', clientFrame(0x09, 'x')],
    ['a ping of 126 bytes', clientFrame(0x89, 'x'.repeat(126))],
    ['text that is no UTF-8', clientFrame(0x81, '\xff')],
    ['a message above the bound', clientFrame(0x82, 'x'.repeat(2000))],
  ])('whose client sends %s is cut; the upstream gets nothing of it', async (_, bytes) => {
    const { client, atServer, serverEnded } = await opened({ maxWebSocketMessageBytes: 1000 });
    client.send(Buffer.concat([clientFrame(0x81, 'good'), bytes]));
    await client.closed();
    await serverEnded();
    expect(atServer()).toEqual(['text:good']);
  });
});
