import { describe, expect, it } from 'vitest';
import { useScene } from './support/scene.js';

const { gateway, upstream, client } = useScene();

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: up\r\nX-Case: Kept\r\n\r\nhello';

describe('Gateway', () => {
  it('forwards a request by host and the answer with its fields, Via and latencies', async () => {
    const up = await upstream(ok);
    const { httpPort } = await gateway({ apis: [{ host: 'a.test', upstream: up.url }] });
    const peer = await client(httpPort);
    peer.send('GET /x?b=2&a=1 HTTP/1.1\r\nHost: a.test:8000\r\nX-Odd_Name: v\r\n\r\n');
    const answer = await peer.response();
    expect(answer?.body.toString()).toBe('hello');
    expect(answer?.headers).toMatchObject({ server: 'up', 'x-case': 'Kept', via: 'signet/0.0.0' });
    expect(answer?.headers['x-kong-upstream-latency']).toMatch(/^[0-9]+$/);
    expect(answer?.headers['x-kong-proxy-latency']).toMatch(/^[0-9]+$/);
    const received = up.sides[0]?.received() ?? '';
    expect(received).toContain(`GET /x?b=2&a=1 HTTP/1.1\r\nhost: 127.0.0.1:${up.port}\r\n`);
    expect(received).toContain('\r\nx-odd_name: v\r\n');
    expect(received).toContain('\r\nx-forwarded-host: a.test\r\n');
    expect(received).toContain('\r\nx-forwarded-for: 127.0.0.1\r\n');
    expect(received).toContain('\r\nx-real-ip: 127.0.0.1\r\n');
    expect(received).toContain('\r\nx-forwarded-proto: http\r\n');
  });

  it('answers 404 in Kong’s words where there is no API', async () => {
    const { httpPort } = await gateway({ apis: [] });
    const peer = await client(httpPort);
    peer.send('GET /a/b?c HTTP/1.1\r\nHost: x.test:1\r\nX-Host-Override: y.test:2\r\n\r\n');
    const answer = await peer.response();
    expect(answer?.status).toBe(404);
    expect(answer?.headers['server']).toBe('signet/0.0.0');
    expect(answer?.headers['via']).toBeUndefined();
    expect(JSON.parse(answer?.body.toString() ?? '')).toEqual({
      message: 'API not found with these values',
      request_host: ['x.test', 'y.test'],
      request_path: '/a/b',
    });
  });

  it.each([
    ['none', '', 426],
    ['https', 'X-Forwarded-Proto: HTTPS\r\n', 200],
    ['a list', 'X-Forwarded-Proto: https,http\r\n', 426],
    ['two', 'X-Forwarded-Proto: https\r\nX-Forwarded-Proto: https\r\n', 426],
    ['another word', 'X-Forwarded-Proto: httpsa\r\n', 426],
  ])(
    'with only_https and terminated TLS accepted, X-Forwarded-Proto %s',
    async (_, field, status) => {
      const up = await upstream(ok);
      const ssl = { onlyHttps: true, acceptTerminated: true };
      const { httpPort } = await gateway({ apis: [{ host: 'a.test', upstream: up.url, ssl }] });
      const peer = await client(httpPort);
      peer.send(`GET / HTTP/1.1\r\nHost: a.test\r\n${field}\r\n`);
      const answer = await peer.response();
      expect(answer?.status).toBe(status);
      expect(up.sides.length).toBe(status === 426 ? 0 : 1);
    },
  );

  it('answers plain HTTP for an API that wants HTTPS with 426 and what to upgrade to', async () => {
    const ssl = { onlyHttps: true };
    const apis = [{ host: 'a.test', upstream: 'http://127.0.0.1:1', ssl }];
    const { httpPort } = await gateway({ apis });
    const peer = await client(httpPort);
    peer.send('GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-Proto: https\r\n\r\n');
    const answer = await peer.response();
    expect(answer?.status).toBe(426);
    expect(answer?.headers).toMatchObject({
      connection: 'Upgrade',
      upgrade: 'TLS/1.0, HTTP/1.1',
      'content-type': 'application/json; charset=utf-8',
      server: 'signet/0.0.0',
    });
    expect(answer?.body.toString()).toBe('{"message":"Please use HTTPS protocol"}');
  });

  it.each([
    ['text/html', 'text/html', '<h1>502</h1>'],
    ['application/json', 'application/json', '{"message":"An invalid response'],
    ['application/xml', 'application/xml', '<error><message>An invalid response'],
    ['*/*', 'application/json', '{"message":"An invalid response'],
    ['application/xml, */*', 'application/xml', '<error><message>An invalid response'],
    ['image/png', 'text/plain', 'An invalid response was received from the upstream server'],
  ])(
    'answers 502 for an upstream that refuses connections, Accept %s',
    async (accept, type, text) => {
      const apis = [{ host: 'a.test', upstream: 'http://127.0.0.1:1' }];
      const started = await gateway({ apis });
      const peer = await client(started.httpPort);
      peer.send(`GET / HTTP/1.1\r\nHost: a.test\r\nAccept: ${accept}\r\n\r\n`);
      const answer = await peer.response();
      expect(answer?.status).toBe(502);
      expect(answer?.headers['content-type']).toContain(type);
      expect(answer?.headers['proxy-status']).toBe('signet; error=connection_refused');
      expect(answer?.body.toString()).toContain(text);
      const requestId = answer?.headers['x-request-id'];
      const line = await started.logged({ requestId });
      expect(line.fields).toMatchObject({ source: 'upstream', phase: 'connect' });
    },
  );

  it.each([
    ['the same host', 'a.test', 200],
    ['another host of the same API', 'x.wild.test', 200],
    ['a host of another API', 'b.test', 421],
    ['a host without an API', 'c.test', 404],
  ])('told to refuse misdirected requests, answers one for %s', async (_, host, status) => {
    const up = await upstream(ok);
    const apis = [
      { host: 'a.test', upstream: up.url },
      { host: '*.wild.test', upstream: up.url },
      { host: 'b.test', upstream: up.url },
    ];
    const serverName = host === 'x.wild.test' ? 'y.wild.test' : 'a.test';
    const { httpPort } = await gateway({ apis, refuseMisdirected: true, serverName });
    const peer = await client(httpPort);
    peer.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    expect((await peer.response())?.status).toBe(status);
  });
});
