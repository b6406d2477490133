import { existsSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { answering, useScene } from './support/scene.js';
import { TlsFiles } from './support/tls-files.js';

const scene = useScene();
const named = new TlsFiles('DNS:up.test,DNS:localhost');
const byAddress = new TlsFiles('IP:127.0.0.1');
const elsewhere = new TlsFiles('IP:127.0.0.9');
afterAll(() => {
  named.remove();
  byAddress.remove();
  elsewhere.remove();
});

const get = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

describe('an upstream over TLS', () => {
  async function ask(files: TlsFiles, host: string, options: object = {}) {
    const tls = { cert: files.cert, key: files.key };
    const up = await scene.upstream(
      answering(() => ok),
      tls,
    );
    const upstream = `https://${host}:${up.port}`;
    const gateway = await scene.gateway({ apis: [{ host: 'a.test', upstream }], ...options });
    const client = await scene.client(gateway.httpPort);
    client.send(get);
    return { up, gateway, answer: await client.response() };
  }

  it('is verified: a certificate that no root vouches for is a 502', async () => {
    const { answer } = await ask(named, 'localhost');
    expect(answer?.status).toBe(502);
    expect(answer?.headers['proxy-status']).toBe('signet; error=tls_certificate_error');
  });

  it('with a root of its own is taken, with Host and port as Kong writes them', async () => {
    const upstreamTls = { verify: true, ca: named.cert };
    const { answer, up } = await ask(named, 'localhost', { upstreamTls });
    expect(answer?.status).toBe(200);
    expect(up.sides[0]?.received()).toContain(`host: localhost:${up.port}\r\n`);
  });

  it('is refused if its certificate names another host', async () => {
    const upstreamTls = { verify: true, ca: byAddress.cert };
    const { answer } = await ask(byAddress, 'localhost', { upstreamTls });
    expect(answer?.headers['proxy-status']).toBe('signet; error=tls_certificate_error');
  });

  it('may be an address that the certificate names', async () => {
    const upstreamTls = { verify: true, ca: byAddress.cert };
    const { answer } = await ask(byAddress, '127.0.0.1', { upstreamTls });
    expect(answer?.status).toBe(200);
  });

  it.each([
    ['the URL’s host', '127.0.0.9', 200],
    ['the target', '127.0.0.1', 502],
  ])(
    'may be an address with targets at others, if the certificate names it: %s',
    async (_, host, status) => {
      const files = host === '127.0.0.1' ? byAddress : elsewhere;
      const up = await scene.upstream(
        answering(() => ok),
        { cert: files.cert, key: files.key },
      );
      const reach = {
        upstreamTargets: [{ host: '127.0.0.1', port: up.port, weight: 1 }],
        upstreamCa: files.cert,
      };
      const apis = [{ host: 'a.test', upstream: 'https://127.0.0.9', reach }];
      const gateway = await scene.gateway({ apis });
      const client = await scene.client(gateway.httpPort);
      client.send(get);
      expect((await client.response())?.status).toBe(status);
    },
  );

  it('is not verified where that is switched off, as in Kong', async () => {
    const { answer } = await ask(named, '127.0.0.1', { upstreamTls: { verify: false } });
    expect(answer?.status).toBe(200);
  });

  it('that never answers the handshake is given up as 504', async () => {
    const up = await scene.upstream(() => undefined);
    const upstream = `https://127.0.0.1:${up.port}`;
    const limits = { connectTimeoutMs: 200 };
    const { httpPort } = await scene.gateway({ apis: [{ host: 'a.test', upstream }], limits });
    const client = await scene.client(httpPort);
    client.send(get);
    expect((await client.response())?.status).toBe(504);
  });
});

const tcpTable = '/proc/net/tcp';

/** When the kernel will ask the other end of the connection to `port` for a sign of life (proc(5)). */
function keepAliveTimerOf(port: number): number | undefined {
  const peer = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const sockets = readFileSync(tcpTable, 'utf8').split('\n');
  const ours = sockets.find((line) => line.trim().split(/\s+/)[2] === peer);
  const ticks = /\b02:([0-9A-F]{8})\b/.exec(ours ?? '')?.[1];
  return ticks === undefined ? undefined : Number.parseInt(ticks, 16) / 100;
}

describe('connections to an upstream', () => {
  it('are used again, the last one first', async () => {
    const up = await scene.upstream(ok);
    const { httpPort } = await scene.gateway({ apis: [{ host: 'a.test', upstream: up.url }] });
    const client = await scene.client(httpPort);
    for (let i = 0; i < 5; i++) {
      client.send(get);
      expect((await client.response())?.status).toBe(200);
    }
    expect(up.sides.length).toBe(1);
  });

  it.each([
    ['Connection: close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
    ['bytes behind the response', `${ok}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong`],
    [
      'a hint of one second',
      'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok',
    ],
  ])('are not used again after %s', async (_, response) => {
    const up = await scene.upstream(response);
    const { httpPort } = await scene.gateway({ apis: [{ host: 'a.test', upstream: up.url }] });
    const client = await scene.client(httpPort);
    for (let i = 0; i < 3; i++) {
      client.send(get);
      expect((await client.response())?.body.toString()).toBe('ok');
    }
    expect(up.sides.length).toBe(3);
  });

  it.each(['Content-Length: 5', 'Transfer-Encoding: chunked'])(
    'are not used again after a 204 with %s, whose body would be the next answer',
    async (field) => {
      const up = await scene.upstream(`HTTP/1.1 204 No Content\r\n${field}\r\n\r\n`);
      const { httpPort } = await scene.gateway({ apis: [{ host: 'a.test', upstream: up.url }] });
      const client = await scene.client(httpPort);
      for (let i = 0; i < 3; i++) {
        client.send(get);
        expect((await client.response())?.status).toBe(204);
      }
      expect(up.sides.length).toBe(3);
    },
  );

  it.skipIf(!existsSync(tcpTable))('are probed by the kernel when they are silent', async () => {
    const up = await scene.upstream(ok);
    const { httpPort } = await scene.gateway({ apis: [{ host: 'a.test', upstream: up.url }] });
    const client = await scene.client(httpPort);
    client.send(get);
    expect((await client.response())?.status).toBe(200);
    const seconds = keepAliveTimerOf(up.port);
    expect(seconds).toBeGreaterThan(25);
    expect(seconds).toBeLessThanOrEqual(31);
  });

  it.each([
    ['GET', 200],
    ['POST', 502],
  ])('that turn out to be stale: %s without a body ends with %d', async (method, status) => {
    let requests = 0;
    const up = await scene.upstream(() => {
      return ({ socket }) => {
        requests++;
        // The second request on a kept connection meets its end.
        if (requests === 2) socket.destroy();
        else socket.write(ok);
      };
    });
    const { httpPort } = await scene.gateway({ apis: [{ host: 'a.test', upstream: up.url }] });
    const client = await scene.client(httpPort);
    client.send(get);
    expect((await client.response())?.status).toBe(200);
    client.send(`${method} / HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    expect((await client.response())?.status).toBe(status);
    expect(requests).toBe(status === 200 ? 3 : 2);
  });

  it.each([
    ['an interim answer', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
    ['a part of a head', 'HTTP/1.1 200'],
  ])('that break off after %s are no stale ones: nothing is repeated', async (_, begun) => {
    let requests = 0;
    const up = await scene.upstream(() => {
      return ({ socket }) => {
        requests++;
        if (requests === 2) socket.end(begun);
        else socket.write(ok);
      };
    });
    const { httpPort } = await scene.gateway({ apis: [{ host: 'a.test', upstream: up.url }] });
    const client = await scene.client(httpPort);
    client.send(get);
    expect((await client.response())?.status).toBe(200);
    client.send(get);
    const answer = await client.response();
    expect(answer?.status).toBe(502);
    expect(answer?.headers['proxy-status']).toBe('signet; error=http_response_incomplete');
    expect(requests).toBe(2);
  });

  it('that are closed before any answer on a fresh connection are a 502, not a retry', async () => {
    const up = await scene.upstream(
      () =>
        ({ socket }) =>
          socket.destroy(),
    );
    const { httpPort } = await scene.gateway({ apis: [{ host: 'a.test', upstream: up.url }] });
    const client = await scene.client(httpPort);
    client.send(get);
    expect((await client.response())?.status).toBe(502);
    expect(up.sides.length).toBe(1);
  });

  it('are bounded: requests wait for one, and too many waiting are answered 503', async () => {
    const up = await scene.upstream(() => undefined);
    const limits = { maxConnectionsPerUpstream: 1, maxWaitingPerUpstream: 1 };
    const apis = [{ host: 'a.test', upstream: up.url }];
    const gateway = await scene.gateway({ apis, limits });
    const { httpPort } = gateway;
    const clients = [];
    for (let i = 0; i < 3; i++) {
      const client = await scene.client(httpPort);
      client.send(get);
      clients.push(client);
      if (i === 0) while (up.sides.length === 0) await new Promise((r) => setTimeout(r, 5));
    }
    expect((await clients[2]?.response())?.status).toBe(503);
    await gateway.logged({ kind: 'connection_limit_reached', source: 'gateway', status: 503 });
    up.sides[0]?.socket.write(ok);
    expect((await clients[0]?.response())?.status).toBe(200);
    while (!up.sides[0]?.received().match(/GET[\s\S]*GET/))
      await new Promise((r) => setTimeout(r, 5));
    up.sides[0]?.socket.write(ok);
    expect((await clients[1]?.response())?.status).toBe(200);
    expect(up.sides.length).toBe(1);
  });

  it.each([1, 2])(
    'of %d targets that all stay in use are not waited for without end',
    async (n) => {
      const silent = Array.from({ length: n }, () => scene.upstream(() => undefined));
      const ups = await Promise.all(silent);
      const upstreamTargets = ups.map(({ port }) => ({ host: '127.0.0.1', port, weight: 1 }));
      const limits = { maxConnectionsPerUpstream: 1, connectTimeoutMs: 100 };
      const apis = [{ host: 'a.test', upstream: 'http://up.test', reach: { upstreamTargets } }];
      const gateway = await scene.gateway({ apis, limits });
      for (let busy = 1; busy <= n; busy++) {
        (await scene.client(gateway.httpPort)).send(get);
        const inUse = () => ups.filter(({ sides }) => sides.length > 0).length;
        while (inUse() < busy) await new Promise((r) => setTimeout(r, 5));
      }
      const client = await scene.client(gateway.httpPort);
      client.send(get);
      const answer = await client.response();
      expect(answer?.status).toBe(503);
      expect(answer?.headers['proxy-status']).toBe('signet; error=connection_limit_reached');
      await gateway.logged({
        kind: 'connection_limit_reached',
        source: 'gateway',
        phase: 'connect',
      });
      expect((await gateway.measure()).counters.upstreamFailures).toBe(0);
      expect(ups.map(({ sides }) => sides.length)).toEqual(upstreamTargets.map(() => 1));
    },
  );
});
