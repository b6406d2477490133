import { afterAll, describe, expect, it } from 'vitest';
import type { ProxyError } from '../../data-plane/proxy/proxy-error.js';
import type { Behaviour } from './support/raw-upstream.js';
import { useScene } from './support/scene.js';
import { TlsFiles } from './support/tls-files.js';

const scene = useScene();
const tls = new TlsFiles('DNS:other.test');
afterAll(() => tls.remove());

const limits = { connectTimeoutMs: 300, responseTimeoutMs: 300, responseIdleTimeoutMs: 300 };
const get = 'GET / HTTP/1.1\r\nHost: a.test\r\nAccept: application/json\r\n\r\n';
const loop = `GET / HTTP/1.1\r\nHost: a.test\r\nVia: ${'1.1 signet, '.repeat(9)}x\r\n\r\n`;
const handshake =
  'GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: upgrade\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

interface Case {
  readonly upstream: string;
  /** Default: one that answers each request with `response`, or breaks off. */
  readonly url?: string;
  readonly response?: string;
  readonly isTls?: boolean;
  readonly request?: string;
  readonly status: number;
  readonly error: Pick<ProxyError, 'kind' | 'source' | 'phase' | 'requestSent'>;
}

const connecting = { source: 'upstream', phase: 'connect', requestSent: false } as const;
const ours = { ...connecting, source: 'gateway' } as const;
const waiting = { source: 'upstream', phase: 'await-response', requestSent: true } as const;

const cases: readonly Case[] = [
  {
    upstream: 'refuses',
    url: 'http://127.0.0.1:1',
    status: 502,
    error: { kind: 'connection_refused', ...connecting },
  },
  {
    upstream: 'has no address',
    url: 'http://nowhere.invalid',
    status: 502,
    error: { kind: 'dns_error', ...connecting, phase: 'resolve' },
  },
  {
    upstream: 'speaks no TLS',
    url: 'https://127.0.0.1',
    response: 'what?\r\n\r\n',
    status: 502,
    error: { kind: 'tls_protocol_error', ...connecting },
  },
  {
    upstream: 'shows a certificate of another name',
    url: 'https://127.0.0.1',
    isTls: true,
    status: 502,
    error: { kind: 'tls_certificate_error', ...connecting },
  },
  {
    upstream: 'is silent in the handshake',
    url: 'https://127.0.0.1',
    response: '',
    status: 504,
    error: { kind: 'connection_timeout', ...connecting },
  },
  {
    upstream: 'is silent after the request',
    response: '',
    status: 504,
    error: { kind: 'http_response_timeout', ...waiting },
  },
  {
    upstream: 'breaks off',
    status: 502,
    error: { kind: 'connection_terminated', ...waiting },
  },
  {
    upstream: 'answers nonsense',
    response: 'nonsense\r\n\r\n',
    status: 502,
    error: { kind: 'http_protocol_error', ...waiting },
  },
  {
    upstream: 'upgrades to something else',
    response: 'HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
    request: handshake,
    status: 502,
    error: { kind: 'http_upgrade_failed', ...waiting },
  },
  {
    upstream: 'has no address that can be read',
    url: 'nonsense',
    status: 502,
    error: { kind: 'proxy_configuration_error', ...ours },
  },
  {
    upstream: 'is this gateway',
    request: loop,
    status: 508,
    error: { kind: 'proxy_loop_detected', ...ours },
  },
];

describe('a request whose upstream', () => {
  for (const { upstream, url, response, isTls, request = get, status, error } of cases) {
    it(`${upstream} is a ${status} with ${error.kind}, and the log says who and when`, async () => {
      const up = await scene.upstream(
        behaviour(response),
        isTls === true ? { cert: tls.cert, key: tls.key } : undefined,
      );
      const target = url === 'https://127.0.0.1' ? `${url}:${up.port}` : (url ?? up.url);
      const apis = [{ host: 'a.test', upstream: target, reach: { upstreamCa: tls.cert } }];
      const gateway = await scene.gateway({ apis, limits });
      const client = await scene.client(gateway.httpPort);
      client.send(request);
      const answer = await client.response();
      expect(answer?.status).toBe(status);
      expect(answer?.headers['proxy-status']).toBe(`signet; error=${error.kind}`);
      if (request === get) {
        expect(JSON.parse(answer?.body.toString() ?? '')).toEqual({ message: expect.any(String) });
      }
      const requestId = answer?.headers['x-request-id'];
      const { fields, level } = await gateway.logged({ requestId });
      expect(level).toBe('warn');
      expect(fields).toMatchObject({ ...error, status, api: 'api-0' });
      if (upstream === 'breaks off') expect(fields['peer']).toBe(`127.0.0.1:${up.port}`);
    });
  }
});

/** Answers the first bytes, whatever they are: a TLS handshake is no HTTP. */
function behaviour(response: string | undefined): Behaviour {
  return () =>
    ({ socket }) => {
      if (response === undefined) socket.destroy();
      else if (response !== '') socket.end(response);
    };
}
