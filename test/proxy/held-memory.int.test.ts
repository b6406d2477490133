import { afterAll, expect, it } from 'vitest';
import { fullRun } from '../support/run-scope.js';
import { useScene } from './support/scene.js';
import { TlsFiles } from './support/tls-files.js';

const scene = useScene();
const tls = new TlsFiles('DNS:a.test');
afterAll(() => tls.remove());

const megabyte = 1024 * 1024;
/** `SIGNET_TEST_FULL`: the 2 GB that are promised. */
const total = (fullRun ? 2048 : 160) * megabyte;
const mayHold = 20 * megabyte;

it(
  'a fast upload to a slow upstream arrives whole and holds 20 MB at the most',
  async () => {
    let received = 0;
    const up = await scene.upstream(({ socket }) => {
      queueMicrotask(() => {
        // The recorder, which listens once this has returned, would keep it all.
        socket.removeAllListeners('data');
        let head = '';
        socket.on('data', (data: Buffer) => {
          received += data.length;
          if (!head.includes('\r\n\r\n')) {
            head += data.toString('latin1');
            received = head.length - (head.indexOf('\r\n\r\n') + 4);
          }
          if (received === total) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
          socket.pause();
          setTimeout(() => socket.resume(), 1);
        });
      });
      return undefined;
    });
    const gateway = await scene.gateway({ apis: [{ host: 'a.test', upstream: up.url }], tls });
    const client = await scene.tlsClient(gateway.httpsPort, 'a.test');
    const before = (await gateway.measure()).rss;
    let most = before;
    client.send(`PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${total}\r\n\r\n`);
    const piece = Buffer.alloc(megabyte, 'x');
    const pour = (left: number) => {
      for (let rest = left; rest > 0; rest -= piece.length) {
        if (!client.socket.write(piece)) {
          client.socket.once('drain', () => pour(rest - piece.length));
          return;
        }
      }
    };
    pour(total);
    const answer = client.response();
    let isAnswered = false;
    void answer.then(() => {
      isAnswered = true;
    });
    while (!isAnswered) {
      most = Math.max(most, (await gateway.measure()).rss);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect((await answer)?.status).toBe(200);
    expect(received).toBe(total);
    expect((most - before) / megabyte).toBeLessThan(mayHold / megabyte);
  },
  60_000 + total / 10_000,
);
