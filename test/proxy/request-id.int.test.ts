import { describe, expect, it } from 'vitest';
import { isUsableRequestId, RequestIds, traceIdOf } from '../../data-plane/proxy/request-ids.js';
import { answering, useScene } from './support/scene.js';

const { gateway, upstream, client } = useScene();

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const ownId = 'HTTP/1.1 200 OK\r\nX-Request-ID: of-the-upstream\r\nContent-Length: 2\r\n\r\nok';
const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const traceparent = `00-${trace}-00f067aa0ba902b7-01`;

function requestIdsIn(head: string): readonly string[] {
  return [...head.matchAll(/^x-request-id: (.*)\r$/gim)].map(([, id = '']) => id);
}

describe('the request ID', () => {
  it('is the same upstream and in the answer, and another for each request', async () => {
    const heads: string[] = [];
    const up = await upstream(
      answering((head) => {
        heads.push(`${head}\r\n`);
        return ownId;
      }),
    );
    const { httpPort } = await gateway({ apis: [{ host: 'a.test', upstream: up.url }] });
    const peer = await client(httpPort);
    const answered: (string | undefined)[] = [];
    for (let index = 0; index < 2; index++) {
      peer.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
      answered.push((await peer.response())?.headers['x-request-id']);
    }
    expect(heads.map(requestIdsIn)).toEqual(answered.map((id) => [id]));
    expect(new Set(answered).size).toBe(2);
    expect(answered).not.toContain('of-the-upstream');
  });

  it.each([
    ['kept where whoever sent it is trusted', ['127.0.0.1'], 'edge-1:7f', true],
    ['replaced where it is a stranger', ['192.0.2.0/24'], 'edge-1:7f', false],
    ['replaced where nobody is trusted', undefined, 'edge-1:7f', false],
    ['replaced where it is not fit for a log', ['127.0.0.1'], 'a b"<>', false],
    ['replaced where there are two', ['127.0.0.1'], 'a\r\nX-Request-Id: b', false],
  ])('that a client sent is %s', async (_, trustedIps, sent, isKept) => {
    const up = await upstream(ok);
    const apis = [{ host: 'a.test', upstream: up.url }];
    const { httpPort } = await gateway({ apis, ...(trustedIps && { trustedIps }) });
    const peer = await client(httpPort);
    peer.send(`GET / HTTP/1.1\r\nHost: a.test\r\nX-Request-Id: ${sent}\r\n\r\n`);
    const answered = (await peer.response())?.headers['x-request-id'];
    expect(requestIdsIn(up.sides[0]?.received() ?? '')).toEqual([answered]);
    expect(answered === sent).toBe(isKept);
    expect(answered).toMatch(isKept ? /^edge-1:7f$/ : /^[0-9a-f]{12}-[0-9a-z]+$/);
  });

  it('is on answers of the gateway itself', async () => {
    const { httpPort } = await gateway({ apis: [] });
    const peer = await client(httpPort);
    peer.send('GET / HTTP/1.1\r\nHost: nobody.test\r\n\r\n');
    expect((await peer.response())?.headers['x-request-id']).toMatch(/-/);
  });

  it('is of its worker alone', () => {
    const [one, other] = [new RequestIds(), new RequestIds()];
    const ids = [one.next(), one.next(), other.next(), other.next()];
    expect(new Set(ids).size).toBe(4);
    expect(ids.every(isUsableRequestId)).toBe(true);
  });
});

describe('a trace', () => {
  it('is passed on untouched and named in the log', async () => {
    const up = await upstream(ok);
    const apis = [
      { host: 'a.test', upstream: up.url },
      { host: 'gone.test', upstream: 'http://127.0.0.1:1' },
    ];
    const started = await gateway({ apis });
    const peer = await client(started.httpPort);
    const fields = `traceparent: ${traceparent}\r\ntracestate: a=1,b=2\r\n`;
    peer.send(`GET / HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n`);
    await peer.response();
    expect(up.sides[0]?.received()).toContain(`\r\n${fields}`);
    peer.send(`GET / HTTP/1.1\r\nHost: gone.test\r\n${fields}\r\n`);
    const requestId = (await peer.response())?.headers['x-request-id'];
    expect((await started.logged({ requestId })).fields).toMatchObject({ traceId: trace });
  });

  it('is named only where it is well-formed', () => {
    expect(traceIdOf(traceparent)).toBe(trace);
    expect(traceIdOf(`01-${trace}-00f067aa0ba902b7-01-more`)).toBe(trace);
    for (const wrong of [
      ...['', 'x', `ff${traceparent.slice(2)}`, traceparent.toUpperCase()],
      ...[`00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, `${traceparent}"`, `${traceparent}, x`],
    ]) {
      expect(traceIdOf(wrong)).toBeUndefined();
    }
  });
});
