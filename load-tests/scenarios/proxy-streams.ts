import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { parseArgs } from 'node:util';
import { TestGateway } from '../../test/proxy/support/gateway.js';
import { TlsFiles } from '../../test/proxy/support/tls-files.js';
import { residentBytes } from '../support/process-cpu.js';
import { bar } from '../support.js';

/**
 * Big bodies through the proxy path, and what they cost in memory: an upload to a slow upstream and a
 * download to a slow client, over TLS. Prints the most memory that the gateway's process held above what
 * it had before.
 */
const { values } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '2048' },
    /** Of the slow side. */
    'megabytes-per-second': { type: 'string', default: '128' },
  },
});
const megabyte = 1024 * 1024;
const total = Number(values.megabytes) * megabyte;
const slowBytesPerSecond = Number(values['megabytes-per-second']) * megabyte;
const mayHoldMb = 20;
const stepMs = 10;

/** Reads at a fixed rate: a share of a second's bytes, then a pause. */
function readSlowly(socket: Socket, onBytes: (count: number) => void): void {
  const share = (slowBytesPerSecond * stepMs) / 1000;
  let taken = 0;
  socket.on('data', (data) => {
    taken += data.length;
    onBytes(data.length);
    if (taken < share) return;
    taken = 0;
    socket.pause();
    setTimeout(() => socket.resume(), stepMs);
  });
}

/** Writes as fast as the socket takes it. */
function pour(socket: Socket, bytes: number): void {
  const piece = Buffer.alloc(megabyte, 'x');
  let left = bytes;
  const next = () => {
    while (left > 0) {
      left -= piece.length;
      if (!socket.write(piece)) return;
    }
  };
  socket.on('drain', next);
  next();
}

const upstream = createServer((socket) => {
  let received = 0;
  socket.on('error', () => socket.destroy());
  socket.once('data', (first) => {
    const head = first.toString('latin1');
    if (head.startsWith('GET')) {
      socket.write(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${total}\r\n\r\n`);
      pour(socket, total);
      return;
    }
    received += first.length - (first.indexOf('\r\n\r\n') + 4);
    readSlowly(socket, (count) => {
      received += count;
      if (received >= total) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
  });
});
upstream.listen(0, '127.0.0.1');
await once(upstream, 'listening');
const address = upstream.address();
if (address === null || typeof address === 'string') throw new Error('no port');
const tls = new TlsFiles('DNS:a.test');
const gateway = await TestGateway.start({
  apis: [{ host: 'a.test', upstream: `http://127.0.0.1:${address.port}` }],
  tls,
});

async function measure(name: string, exchange: (socket: Socket) => Promise<string>): Promise<void> {
  const socket = connect({
    port: gateway.httpsPort,
    host: '127.0.0.1',
    servername: 'a.test',
    rejectUnauthorized: false,
  });
  await once(socket, 'secureConnect');
  const before = residentBytes(gateway.pid);
  let most = before;
  const watch = setInterval(() => {
    most = Math.max(most, residentBytes(gateway.pid));
  }, 5);
  const started = performance.now();
  const outcome = await exchange(socket);
  clearInterval(watch);
  socket.destroy();
  const seconds = (performance.now() - started) / 1000;
  const heldMb = (most - before) / megabyte;
  const isGood = outcome === 'complete' && heldMb <= mayHoldMb;
  console.log(
    `${name}: ${outcome}, ${total / megabyte} MB in ${seconds.toFixed(1)} s, ` +
      `held at most ${heldMb.toFixed(1)} MB: ${bar(isGood, `bar: complete, ≤ ${mayHoldMb} MB`)}`,
  );
}

function ended(socket: Socket, done: () => boolean): Promise<string> {
  return new Promise((resolve) => {
    socket.on('data', () => {
      if (done()) resolve('complete');
    });
    socket.on('error', () => resolve('broken off'));
    socket.on('close', () => resolve('broken off'));
  });
}

try {
  await measure('download, slow client', (socket) => {
    let received = 0;
    readSlowly(socket, (count) => {
      received += count;
    });
    socket.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    return ended(socket, () => received >= total);
  });
  await measure('upload, slow upstream', (socket) => {
    socket.write(`PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${total}\r\n\r\n`);
    pour(socket, total);
    return ended(socket, () => true);
  });
} finally {
  await gateway.close();
  tls.remove();
  upstream.close();
}
