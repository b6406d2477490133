import { connect, type TLSSocket } from 'node:tls';
import type { Contender } from './contender.js';

/**
 * Proves, by one handshake and its resumption with each server, that what is compared is the same:
 * version, suite, group, and that sessions really resume.
 * @throws Error naming the server that does otherwise than the first.
 */
export async function commonOffer(contenders: readonly Contender[], host: string): Promise<void> {
  let common: string | undefined;
  for (const { name, port } of contenders) {
    const full = await handshake(port, host, undefined);
    common ??= full.offer;
    if (full.offer !== common) throw new Error(`${name} does ${full.offer}, not ${common}`);
    const { isResumed } = await handshake(port, host, full.session);
    if (!isResumed) throw new Error(`${name} does not resume sessions`);
  }
}

interface Handshake {
  readonly offer: string;
  readonly isResumed: boolean;
  readonly session: Buffer | undefined;
}

function handshake(port: number, host: string, session: Buffer | undefined): Promise<Handshake> {
  return new Promise((resolve, reject) => {
    let latest: Buffer | undefined;
    const socket: TLSSocket = connect({
      ...{ host: '127.0.0.1', port, servername: host, rejectUnauthorized: false },
      ciphers: 'TLS_AES_128_GCM_SHA256',
      ...(session && { session }),
    });
    socket.on('session', (next) => {
      latest = next;
    });
    socket.once('secureConnect', () => {
      socket.write(`GET / HTTP/1.1\r\nHost: no-api.test\r\n\r\n`);
    });
    // Tickets come before the answer.
    socket.once('data', () => {
      const key = socket.getEphemeralKeyInfo();
      const group = key !== null && 'name' in key ? key.name : 'no group';
      resolve({
        offer: `${socket.getProtocol()} ${socket.getCipher().name} ${group}`,
        isResumed: socket.isSessionReused(),
        session: latest,
      });
      socket.destroy();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed before the answer')));
  });
}
