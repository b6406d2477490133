import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { startAdmin } from '../support/admin-server.js';
import { type Bite, bites } from './bites.js';

/** Far above what any of them takes, far below what an attack is worth. */
const longestMs = 1_500;

interface Answer {
  readonly status: number;
  readonly text: string;
}

function send(url: string, { method = 'POST', path = '/', headers, body }: Bite): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const sent = request(
      { hostname, port, method, path, agent: false, headers: { ...headers } },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    // A body that is refused unread is answered, and the rest of it finds a closed connection.
    sent.on('error', reject);
    sent.end(body);
  });
}

describe('input that bites', () => {
  it('is refused with a clear answer, at once, and changes nothing', async () => {
    const admin = await startAdmin();
    const target = { name: 'target', request_host: 'target.test', upstream_url: 'http://u.test' };
    expect((await admin.send('POST', '/apis', target)).status).toBe(201);
    const { log } = admin.plane;
    const before = await log.head();
    const wrong: string[] = [];
    for (const bite of bites()) {
      const began = performance.now();
      const { status, text } = await send(admin.url, bite).catch((error: Error) => ({
        status: 0,
        text: error.message,
      }));
      const tookMs = performance.now() - began;
      const isRefused =
        bite.status === undefined ? status >= 400 && status < 500 : status === bite.status;
      if (!isRefused) wrong.push(`${bite.name}: ${status} ${text.slice(0, 200)}`);
      if (tookMs > longestMs) wrong.push(`${bite.name}: took ${Math.round(tookMs)} ms`);
      if (text.length > 20_000) wrong.push(`${bite.name}: an answer of ${text.length} characters`);
      if (/-----BEGIN[^-]*PRIVATE KEY/.test(text))
        wrong.push(`${bite.name}: the answer repeats a key`);
      if ((await log.head()) !== before) wrong.push(`${bite.name}: something was recorded`);
    }
    expect(wrong).toEqual([]);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect((await admin.send('GET', '/apis/target')).status).toBe(200);
  });
});
