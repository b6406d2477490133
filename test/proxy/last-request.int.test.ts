import { afterAll, describe, expect, it } from 'vitest';
import { useScene } from './support/scene.js';
import { TlsFiles } from './support/tls-files.js';

const scene = useScene();
const files = new TlsFiles('DNS:a.test');
afterAll(() => files.remove());

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const last = 'GET / HTTP/1.1\r\nHost: unknown.test\r\nConnection: close\r\n\r\n';
const behind = 'GET /behind HTTP/1.1\r\nHost: a.test\r\n\r\n';

describe.each([{ secure: false }, { secure: true }])(
  'the last request of a connection ($secure)',
  ({ secure }) => {
    async function serve() {
      const up = await scene.upstream(ok);
      const { httpPort, httpsPort } = await scene.gateway({
        apis: [{ host: 'a.test', upstream: up.url }],
        tls: { certFile: files.certFile, keyFile: files.keyFile },
      });
      const connect = () =>
        secure ? scene.tlsClient(httpsPort, 'a.test') : scene.client(httpPort);
      return { up, connect };
    }

    it('is answered, and its connection closed', async () => {
      const { connect } = await serve();
      const client = await connect();
      client.send(last);
      expect((await client.response())?.status).toBe(404);
      await client.closed();
      expect(client.failure).toBeUndefined();
    });

    it('has none processed that came with it, and costs no other client anything', async () => {
      const { up, connect } = await serve();
      const client = await connect();
      client.send(last + behind);
      await client.closed();
      const other = await connect();
      other.send(behind.replace('/behind', '/other'));
      expect((await other.response())?.status).toBe(200);
      const received = up.sides.map((side) => side.received()).join('');
      expect(received).not.toContain('/behind');
      expect(received.match(/\/other/g)).toHaveLength(1);
    });
  },
);
