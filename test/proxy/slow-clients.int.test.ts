import type { Socket } from 'node:net';
import { afterAll, expect, it } from 'vitest';
import { fullRun } from '../support/run-scope.js';
import { useScene } from './support/scene.js';
import { TlsFiles } from './support/tls-files.js';

/**
 * The engine ends what is silent for 8 to 12 s, and a body of less than 160 KB in that time. Whoever is
 * honest must outlive that: a little longer than its timers with every run, as long as promised with
 * `SIGNET_TEST_FULL`.
 */
const seconds = fullRun
  ? { answer: 60, download: 60, upload: 60, silence: 300 }
  : { answer: 14, download: 14, upload: 14, silence: 14 };
const longestMs = Math.max(...Object.values(seconds)) * 1000;

const scene = useScene();
const tls = new TlsFiles('DNS:a.test');
afterAll(() => tls.remove());

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Everything that a socket receives, until `isWhole` or its end. */
async function received(socket: Socket, isWhole: (text: string) => boolean): Promise<string> {
  let text = '';
  await new Promise<void>((resolve) => {
    socket.on('data', (data: Buffer) => {
      text += data.toString('latin1');
      if (isWhole(text)) resolve();
    });
    socket.once('close', () => resolve());
  });
  return text;
}

async function lateAnswer(socket: Socket): Promise<string> {
  socket.write('GET /late HTTP/1.1\r\nHost: a.test\r\n\r\n');
  const text = await received(socket, (all) => all.endsWith('late'));
  return text.slice(text.indexOf('\r\n\r\n') + 4);
}

async function silentEvents(socket: Socket): Promise<string> {
  socket.write('GET /events HTTP/1.1\r\nHost: a.test\r\n\r\n');
  const text = await received(socket, (all) => all.includes('data: 2'));
  return text.match(/data: [0-9]/g)?.join() ?? '';
}

const bigSize = 40_000_000;

/** Takes 20 KB a second for a while, then the rest: what lies in buffers would hide that it was cut. */
async function slowDownload(socket: Socket): Promise<number> {
  let taken = 0;
  socket.on('data', (data: Buffer) => {
    taken += data.length;
  });
  socket.pause();
  socket.write('GET /big HTTP/1.1\r\nHost: a.test\r\n\r\n');
  for (let second = 0; second < seconds.download; second++) {
    await later(1000);
    if (socket.read(20_000) === null) socket.read();
  }
  socket.resume();
  const deadline = performance.now() + 20_000;
  while (!socket.closed && taken < bigSize && performance.now() < deadline) await later(20);
  return taken;
}

async function slowUpload(socket: Socket): Promise<string> {
  const length = seconds.upload * 1000;
  socket.write(`PUT /upload HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${length}\r\n\r\n`);
  const answer = received(socket, (all) => all.endsWith('ok'));
  for (let sent = 0; sent < length && !socket.closed; sent += 1000) {
    await later(1000);
    socket.write(Buffer.alloc(1000, 'x'));
  }
  const text = await answer;
  return text.slice(text.indexOf('\r\n\r\n') + 4);
}

/** A head that never ends, a byte a second. @returns after how many seconds it was cut. */
async function drippingHead(socket: Socket): Promise<number> {
  let second = 0;
  for (; !socket.closed && second < 20; second++) {
    socket.write('GET /drip HTTP/1.1\r\nX: xxxxxxxx'[second] ?? 'x');
    await later(1000);
  }
  return second;
}

function answer(upstream: Socket, text: string): void {
  switch (text.split(' ', 2)[1]) {
    case '/late':
      setTimeout(() => {
        upstream.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate');
      }, seconds.answer * 1000);
      return;
    case '/events':
      upstream.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n');
      setTimeout(() => upstream.write('9\r\ndata: 2\n\n\r\n'), seconds.silence * 1000);
      return;
    case '/big':
      upstream.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bigSize}\r\n\r\n`);
      upstream.write(Buffer.alloc(bigSize, 'x'));
      return;
  }
}

it(
  'honest slow clients outlive the engine’s timers, those that never finish a head don’t',
  async () => {
    const up = await scene.upstream(() => ({ socket, received: all }) => {
      const text = all();
      if (!text.startsWith('PUT')) answer(socket, text);
      else if (text.length - (text.indexOf('\r\n\r\n') + 4) === seconds.upload * 1000) {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      }
    });
    const gateway = await scene.gateway({ apis: [{ host: 'a.test', upstream: up.url }], tls });
    const client = async <T>(live: (socket: Socket) => Promise<T>): Promise<T> => {
      return await live((await scene.tlsClient(gateway.httpsPort, 'a.test')).socket);
    };
    const [late, events, downloaded, uploaded, dripped] = await Promise.all([
      client(lateAnswer),
      client(silentEvents),
      client(slowDownload),
      client(slowUpload),
      client(drippingHead),
    ]);
    expect({ late, events, uploaded }).toEqual({
      late: 'late',
      events: 'data: 1,data: 2',
      uploaded: 'ok',
    });
    expect(downloaded).toBeGreaterThan(bigSize);
    expect(dripped).toBeLessThanOrEqual(14);
    expect(up.sides.some((side) => side.received().includes('/drip'))).toBe(false);
  },
  longestMs + 60_000,
);
