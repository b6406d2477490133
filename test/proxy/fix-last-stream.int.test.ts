import { Agent, type IncomingMessage, request } from 'node:http';
import { request as requestTls, Agent as TlsAgent } from 'node:https';
import { afterAll, describe, expect, it } from 'vitest';
import { answering, useScene } from './support/scene.js';
import { TlsFiles } from './support/tls-files.js';

const scene = useScene();
const files = new TlsFiles('DNS:a.test');
afterAll(() => files.remove());

const body = Buffer.alloc(3_000_000, 'abcdefghijklm');
const withLength = Buffer.concat([
  Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`),
  body,
]);
const inChunks = Buffer.concat([
  Buffer.from(
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n`,
  ),
  body,
  Buffer.from('\r\n0\r\n\r\n'),
]);

interface Answer {
  readonly message: IncomingMessage;
  readonly body: Buffer;
}

/** Node's client, as one that neither forgives a wrong byte nor stops reading for a while. */
function ask(port: number, secure: boolean, options: object, sent = ''): Promise<Answer> {
  const common = { port, host: '127.0.0.1', ...options };
  return new Promise((resolve, reject) => {
    const answered = (message: IncomingMessage) => {
      const pieces: Buffer[] = [];
      message.on('data', (piece: Buffer) => {
        pieces.push(piece);
        message.pause();
        setImmediate(() => message.resume());
      });
      message.on('end', () => resolve({ message, body: Buffer.concat(pieces) }));
      message.on('error', reject);
    };
    const tls = { servername: 'a.test', rejectUnauthorized: false };
    const asked = secure ? requestTls({ ...common, ...tls }, answered) : request(common, answered);
    asked.on('error', reject);
    asked.end(sent);
  });
}

const chunkedRequest = {
  method: 'POST',
  headers: { Host: 'a.test', 'Transfer-Encoding': 'chunked' },
};

describe.each([
  { secure: false, framing: 'with a length', answer: withLength },
  { secure: false, framing: 'in chunks', answer: inChunks },
  { secure: true, framing: 'with a length', answer: withLength },
  { secure: true, framing: 'in chunks', answer: inChunks },
])('a long answer $framing that is the last of its connection ($secure)', ({ secure, answer }) => {
  async function serve() {
    const up = await scene.upstream(
      answering((head) => (head.startsWith('POST') || head.startsWith('GET') ? answer : '')),
    );
    const gateway = await scene.gateway({
      apis: [{ host: 'a.test', upstream: up.url }],
      tls: { certFile: files.certFile, keyFile: files.keyFile },
    });
    return { up, gateway, port: secure ? gateway.httpsPort : gateway.httpPort };
  }

  it('is whole after a chunked request, and says that it is the last', async () => {
    const { port } = await serve();
    const agent = secure ? new TlsAgent({ keepAlive: true }) : new Agent({ keepAlive: true });
    const answered = await ask(port, secure, { ...chunkedRequest, agent }, 'hello');
    agent.destroy();
    expect(answered.body.equals(body)).toBe(true);
    expect(answered.message.headers.connection).toBe('close');
  });

  it('is whole while draining, and says that it is the last', async () => {
    const { gateway, port } = await serve();
    const agent = secure ? new TlsAgent({ keepAlive: true }) : new Agent({ keepAlive: true });
    await ask(port, secure, { headers: { Host: 'a.test' }, agent });
    await gateway.drain();
    const answered = await ask(port, secure, { headers: { Host: 'a.test' }, agent });
    agent.destroy();
    expect(answered.body.equals(body)).toBe(true);
    expect(answered.message.headers.connection).toBe('close');
  });

  it('keeps its length where the client closes, and ends its connection', async () => {
    const { port } = await serve();
    const client = secure ? await scene.tlsClient(port, 'a.test') : await scene.client(port);
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
    const answered = await client.response();
    expect(answered?.body.equals(body)).toBe(true);
    const length = answer === withLength ? String(body.length) : undefined;
    expect(answered?.headers['content-length']).toBe(length);
    await client.closed();
    expect(client.failure).toBeUndefined();
  });

  it('has nothing processed that comes behind it: the connection ends', async () => {
    const { up, port } = await serve();
    const client = secure ? await scene.tlsClient(port, 'a.test') : await scene.client(port);
    client.send('POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n');
    expect((await client.response())?.body.equals(body)).toBe(true);
    client.send('GET /behind HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await client.closed();
    expect(up.sides.map((side) => side.received()).join('')).not.toContain('/behind');
  });
});
