import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { afterAll, describe, expect, it } from 'vitest';
import type { ServedCertificate } from '../../shared/snapshot.js';
import { certificateId } from '../support/gateway-fixtures.js';
import { OpensslBench } from '../support/openssl.js';
import { leafOf, open } from './support/client.js';
import { mint } from './support/mint.js';
import { TestNode } from './support/test-node.js';

const bench = new OpensslBench();
afterAll(() => bench.dispose());

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

  it('covers every key type, with the whole chain as it was uploaded', async () => {
    const node = await TestNode.start();
    const keys = [
      ['EC', 'ec_paramgen_curve:P-256'],
      ['EC', 'ec_paramgen_curve:P-384'],
      ['EC', 'ec_paramgen_curve:P-521'],
      ['RSA', 'rsa_keygen_bits:1024'],
      ['RSA', 'rsa_keygen_bits:2048'],
      ['RSA', 'rsa_keygen_bits:4096'],
      ['ED25519'],
    ] as const;
    const caKey = bench.key('EC', 'ec_paramgen_curve:P-256');
    const ca = bench.certificate(caKey, { subject: '/CN=Test CA', names: [], ca: true });
    for (const [index, [algorithm, ...options]] of keys.entries()) {
      const key = bench.key(algorithm, ...options);
      const host = `key-${index}.test`;
      const leaf = bench.certificate(key, { names: [host], issuer: { cert: ca, key: caKey } });
      const certificate = served(1000 + index, `${leaf}${ca}`, key);
      expect(await node.bind(index + 1, host, certificate)).toEqual([]);
      const shown = await chainOf(node.httpsPort, host);
      expect(shown).toEqual([leaf, ca].map((pem) => new X509Certificate(pem).fingerprint256));
    }
  });
});

function served(n: number, chainPem: string, keyPem: string): ServedCertificate {
  const { fingerprint256 } = new X509Certificate(chainPem);
  return {
    id: certificateId(n),
    fingerprint256: fingerprint256.replaceAll(':', '').toLowerCase(),
    chainPem,
    keyPem,
    notAfter: Date.now() + 86_400_000,
  };
}

function chainOf(port: number, servername: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...{ host: '127.0.0.1', port, servername, rejectUnauthorized: false },
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      const chain: string[] = [];
      let each = socket.getPeerX509Certificate();
      while (each !== undefined) {
        chain.push(each.fingerprint256);
        each = each.issuerCertificate;
      }
      socket.destroy();
      resolve(chain);
    });
  });
}

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
