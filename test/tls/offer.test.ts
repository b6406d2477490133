import { generateKeyPairSync } from 'node:crypto';
import { connect } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { leafOf, open } from './support/client.js';
import { mint } from './support/mint.js';
import { TestNode } from './support/test-node.js';

/** The protocol and suite that a client with this offer gets. */
function negotiate(port: number, offer: object): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...{ host: '127.0.0.1', port, servername: 'a.test', rejectUnauthorized: false, ...offer },
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed in the handshake')));
    socket.once('secureConnect', () => {
      resolve(`${socket.getProtocol()} ${socket.getCipher().name}`);
      socket.destroy();
    });
  });
}

describe('what is offered', () => {
  for (const servername of ['a.test', 'unknown.test']) {
    it(`by policy intermediate is TLS 1.2 with forward secrecy and TLS 1.3, ${servername}`, async () => {
      const node = await TestNode.start();
      await node.bind(1, 'a.test', await mint('a.test'));
      const offer = (ciphers: string) =>
        negotiate(node.httpsPort, { servername, maxVersion: 'TLSv1.2', ciphers });
      expect(await negotiate(node.httpsPort, { servername })).toMatch(/^TLSv1.3 /);
      expect(await offer('DEFAULT')).toBe('TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384');
      for (const suite of [
        'ECDHE-ECDSA-AES128-GCM-SHA256',
        'ECDHE-ECDSA-AES256-GCM-SHA384',
        'ECDHE-ECDSA-CHACHA20-POLY1305',
      ]) {
        expect(await offer(suite)).toBe(`TLSv1.2 ${suite}`);
      }
      for (const suite of ['ECDHE-ECDSA-AES128-SHA', 'AES128-SHA', 'AES128-GCM-SHA256']) {
        await expect(offer(suite)).rejects.toThrow();
      }
      const tls11 = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
      await expect(negotiate(node.httpsPort, { servername, ...tls11 })).rejects.toThrow();
    });
  }

  it('by policy modern is TLS 1.3 alone', async () => {
    const node = await TestNode.start({ settings: { cipherPolicy: 'modern' } });
    const certificate = await mint('a.test');
    await node.bind(1, 'a.test', certificate);
    expect(await leafOf(node.httpsPort, 'a.test')).toBe(certificate.fingerprint256);
    for (const servername of ['a.test', 'unknown.test']) {
      expect(await negotiate(node.httpsPort, { servername })).toMatch(/^TLSv1.3 /);
      const tls12 = { servername, maxVersion: 'TLSv1.2', ciphers: 'ALL:@SECLEVEL=0' };
      await expect(negotiate(node.httpsPort, tls12)).rejects.toThrow();
    }
  });

  it('to unknown names, addresses and no name is no handshake where that is asked for', async () => {
    const node = await TestNode.start({ settings: { unknownServerName: 'refuse' } });
    const { httpsPort: port } = node;
    const certificate = await mint('a.test');
    await node.bind(1, 'a.test', certificate);
    expect(await leafOf(port, 'a.test')).toBe(certificate.fingerprint256);
    for (const serverName of ['unknown.test', '*.a.test']) {
      await expect(open({ port, serverName })).rejects.toThrow();
    }
    await expect(open({ port })).rejects.toThrow();
    await node.unbind(1);
    await expect(open({ port, serverName: 'a.test' })).rejects.toThrow();
  });
});

describe('an encrypted or foreign key', () => {
  it('is rejected, not served', async () => {
    const node = await TestNode.start();
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const certificate = await mint('a.test');
    const keyPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const [rejection] = await node.bind(1, 'a.test', { ...certificate, keyPem });
    expect(rejection?.reason).toBe('the chain or the key does not parse');
    expect(await leafOf(node.httpsPort, 'a.test')).toBe(await leafOf(node.httpsPort));
  });
});
