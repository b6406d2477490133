import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startAdmin } from '../support/admin-server.js';

const body = '{"name":"a","request_host":"a.test","upstream_url":"http://u.test"}';
const post = (...lines: readonly string[]) =>
  ['POST /apis HTTP/1.1', 'Host: localhost', 'Content-Type: application/json', ...lines].join(
    '\r\n',
  );

/** Sends exact bytes, then ends; all that comes back. */
function exchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
    onTestFinished(() => void socket.destroy());
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.on('error', () => resolve(answer)).on('close', () => resolve(answer));
  });
}

describe('requests that two readers could frame differently', () => {
  it.each([
    [
      'a length and chunks',
      post('Content-Length: 3', 'Transfer-Encoding: chunked', '', `0\r\n\r\n`),
    ],
    ['two lengths', post('Content-Length: 3', `Content-Length: ${body.length}`, '', body)],
    ['a length that is none', post('Content-Length: +5', '', body)],
    ['another transfer coding', post('Transfer-Encoding: xchunked', '', body)],
    [
      'a chunk size that is none',
      post('Transfer-Encoding: chunked', '', `+43\r\n${body}\r\n0\r\n\r\n`),
    ],
    ['a folded field', post('X-A: b', ' c', `Content-Length: ${body.length}`, '', body)],
    ['a blank before the colon', post(`Content-Length : ${body.length}`, '', body)],
    ['a bare line feed', post(`X-A: b\nContent-Length: ${body.length}`, '', body)],
    ['a NUL in a field', post('X-A: b\0c', `Content-Length: ${body.length}`, '', body)],
  ])('are refused: %s', async (_, bytes) => {
    const admin = await startAdmin();
    const before = await admin.plane.log.head();
    const answer = await exchange(Number(new URL(admin.url).port), bytes);
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(await admin.plane.log.head()).toBe(before);
  });

  it('and one whose body is cut short changes nothing', async () => {
    const admin = await startAdmin();
    const before = await admin.plane.log.head();
    const port = Number(new URL(admin.url).port);
    await exchange(port, post(`Content-Length: ${body.length + 1}`, '', body));
    expect(await admin.plane.log.head()).toBe(before);
  });
});
