import { afterAll, describe, expect, it } from 'vitest';
import { useScene } from './support/scene.js';
import { TlsFiles } from './support/tls-files.js';

const scene = useScene();
const tls = new TlsFiles('DNS:a.test');
afterAll(() => tls.remove());

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

describe('plain HTTP for an API that redirects to HTTPS', () => {
  async function ask(head: string, api: object = {}, options: object = {}) {
    const up = await scene.upstream(ok);
    const ssl = { onlyHttps: true, httpsRedirectStatusCode: 308, ...api } as const;
    const apis = [
      { host: 'a.test', path: '/by-path', upstream: up.url, ssl },
      { host: '*.wild.test', upstream: up.url, ssl },
    ];
    const { httpPort } = await scene.gateway({ apis, ...options });
    const client = await scene.client(httpPort);
    client.send(`${head}\r\n\r\n`);
    const answer = await client.response(head.startsWith('HEAD'));
    expect(up.sides.length).toBe(answer?.status === 200 ? 1 : 0);
    return answer;
  }

  it.each([301, 302, 307, 308])('is sent there with %d', async (httpsRedirectStatusCode) => {
    const answer = await ask('GET /x HTTP/1.1\r\nHost: a.test', { httpsRedirectStatusCode });
    expect(answer?.status).toBe(httpsRedirectStatusCode);
    expect(answer?.headers).toMatchObject({
      location: 'https://a.test:8443/x',
      'content-type': 'application/json; charset=utf-8',
      server: 'signet/0.0.0',
    });
    expect(answer?.headers['strict-transport-security']).toBeUndefined();
    expect(answer?.body.toString()).toBe('{"message":"Please use HTTPS protocol"}');
  });

  it.each([
    ['the port it came to is not the one it goes to', 'a.test:8000', '/', 'https://a.test:8443/'],
    ['an odd target', 'a.test', '/a//b/../%2F%zz;x?q=%41&&=1?', undefined],
    ['a target that looks like a host', 'a.test', '//evil.test/x', undefined],
    ['a target that looks like user information', 'a.test', '/@evil.test:1/\\x', undefined],
    ['a host under a wildcard', 'x.y.wild.test', '/', 'https://x.y.wild.test:8443/'],
    ['a host in capitals, with the dot of the root', 'A.Test.', '/', 'https://a.test:8443/'],
  ])('keeps path and query byte for byte: %s', async (_, host, target, location) => {
    const answer = await ask(`GET ${target} HTTP/1.1\r\nHost: ${host}`);
    expect(answer?.headers['location']).toBe(location ?? `https://a.test:8443${target}`);
  });

  it('names no port where the TLS port is 443', async () => {
    const answer = await ask('GET / HTTP/1.1\r\nHost: a.test', {}, { httpsPort: 443 });
    expect(answer?.headers['location']).toBe('https://a.test/');
  });

  it.each([
    ['found by its path under another host', 'GET /by-path HTTP/1.1\r\nHost: evil.test'],
    ['found by X-Host-Override', 'GET / HTTP/1.1\r\nHost: evil.test\r\nX-Host-Override: a.test'],
    ['found without a host', 'GET /by-path HTTP/1.1\r\nHost: '],
  ])('is refused with 426, not sent to a host that no API has: %s', async (_, head) => {
    const answer = await ask(head);
    expect(answer?.status).toBe(426);
    expect(answer?.headers['location']).toBeUndefined();
  });

  it('is served where a proxy in front has ended TLS already', async () => {
    const head = 'GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-Proto: https';
    expect((await ask(head, { acceptTerminated: true }))?.status).toBe(200);
    expect((await ask(head))?.status).toBe(308);
  });

  it('is served where only_https is off', async () => {
    const answer = await ask('GET / HTTP/1.1\r\nHost: a.test', { onlyHttps: false });
    expect(answer?.status).toBe(200);
  });

  it('is answered without a body if asked by HEAD', async () => {
    const answer = await ask('HEAD / HTTP/1.1\r\nHost: a.test');
    expect(answer?.status).toBe(308);
    expect(answer?.headers['content-length']).toBe('39');
  });
});

describe('Strict-Transport-Security', () => {
  const own =
    'HTTP/1.1 200 OK\r\nstrict-transport-security: max-age=5\r\nContent-Length: 2\r\n\r\nok';

  async function ask(ssl: object, secure: boolean, response = own, more = '') {
    const up = await scene.upstream(response);
    const apis = [{ host: 'a.test', upstream: up.url, ssl }];
    const { httpPort, httpsPort } = await scene.gateway({ apis, tls });
    const client = await (secure ? scene.tlsClient(httpsPort, 'a.test') : scene.client(httpPort));
    client.send(`GET / HTTP/1.1\r\nHost: a.test\r\n${more}\r\n`);
    return (await client.response())?.headers['strict-transport-security'];
  }

  it.each([
    [{ hstsMaxAge: 0 }, 'max-age=0'],
    [{ hstsMaxAge: 600, hstsIncludeSubdomains: true }, 'max-age=600; includeSubDomains'],
    [
      { hstsMaxAge: 31_536_000, hstsIncludeSubdomains: true, hstsPreload: true },
      'max-age=31536000; includeSubDomains; preload',
    ],
    [{ hstsIncludeSubdomains: true }, 'max-age=5'],
    [{}, 'max-age=5'],
  ])('over HTTPS with %j is %s, one only', async (ssl, value) => {
    expect(await ask(ssl, true)).toBe(value);
  });

  it('is on answers of the gateway itself', async () => {
    expect(await ask({ hstsMaxAge: 9 }, true, 'nonsense\r\n\r\n')).toBe('max-age=9');
  });

  it('is not added over plain HTTP, unless TLS was ended in front', async () => {
    expect(await ask({ hstsMaxAge: 9 }, false, ok)).toBeUndefined();
    const terminated = { hstsMaxAge: 9, acceptTerminated: true };
    expect(await ask(terminated, false, ok, 'X-Forwarded-Proto: https\r\n')).toBe('max-age=9');
  });
});
