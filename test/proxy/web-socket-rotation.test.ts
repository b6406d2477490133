import { once } from 'node:events';
import { expect, it } from 'vitest';
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws';
import { leafOf } from '../tls/support/client.js';
import { mint } from '../tls/support/mint.js';
import { TestNode } from '../tls/support/test-node.js';

it('WebSockets of a named host outlive rotations of its certificate and of others', async () => {
  const node = await TestNode.start({ settings: { workers: 1 } });
  const server = new WebSocketServer({ server: node.upstream });
  server.on('connection', (socket) => {
    socket.on('message', (data) => socket.send(`echo ${data}`));
  });
  await node.bind(1, 'a.test', await mint('a.test'));
  await node.bind(2, 'b.test', await mint('b.test'));
  const sockets: WebSocket[] = [];
  try {
    for (let round = 0; round < 12; round++) {
      for (const host of ['a.test', 'b.test']) {
        const options: ClientOptions & { servername: string } = {
          headers: { host },
          servername: host,
          rejectUnauthorized: false,
        };
        const socket = new WebSocket(`wss://127.0.0.1:${node.httpsPort}/`, options);
        await once(socket, 'open');
        sockets.push(socket);
      }
      const certificate = await mint('a.test');
      expect(await node.bind(1, 'a.test', certificate)).toEqual([]);
      expect(await leafOf(node.httpsPort, 'a.test')).toBe(certificate.fingerprint256);
    }
    for (const [n, socket] of sockets.entries()) {
      const answer = once(socket, 'message');
      socket.send(`${n}`);
      expect(String((await answer)[0])).toBe(`echo ${n}`);
    }
    const codes = sockets.map(async (socket) => (await once(socket, 'close'))[0]);
    await node.stop();
    expect(new Set(await Promise.all(codes))).toEqual(new Set([1001]));
  } finally {
    for (const socket of sockets) socket.terminate();
    server.close();
  }
});
