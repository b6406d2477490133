import { X509Certificate } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import type { ServedCertificate } from '../../shared/snapshot.js';
import { certificateId } from '../support/gateway-fixtures.js';
import { OpensslBench } from '../support/openssl.js';
import { fullRun } from '../support/run-scope.js';
import { sClient } from './support/s-client.js';
import { TestNode } from './support/test-node.js';

const bench = new OpensslBench();
afterAll(() => bench.dispose());

const p256 = ['EC', 'ec_paramgen_curve:P-256'] as const;
const caKey = bench.key(...p256);
const ca = bench.certificate(caKey, { subject: '/CN=Test CA', names: [], ca: true });
bench.write('ca.pem', ca);

function issue(n: number, host: string, key: string): ServedCertificate {
  const leaf = bench.certificate(key, { names: [host], issuer: { cert: ca, key: caKey } });
  const { fingerprint256, validTo } = new X509Certificate(leaf);
  return {
    id: certificateId(1000 + n),
    fingerprint256: fingerprint256.replaceAll(':', '').toLowerCase(),
    chainPem: `${leaf}${ca}`,
    keyPem: key,
    notAfter: Date.parse(validTo),
  };
}

const keyKinds = [
  p256,
  ['EC', 'ec_paramgen_curve:P-384'],
  ['EC', 'ec_paramgen_curve:P-521'],
  ['RSA', 'rsa_keygen_bits:1024'],
  ['RSA', 'rsa_keygen_bits:2048'],
  ['RSA', 'rsa_keygen_bits:3072'],
  ['RSA', 'rsa_keygen_bits:4096'],
  ...(fullRun ? [['RSA', 'rsa_keygen_bits:8192'] as const] : []), // such a key takes long to find
  ['ED25519'],
] as const;

describe('openssl s_client', () => {
  it('gets every kind of key, with the whole chain as it was uploaded', async () => {
    const node = await TestNode.start();
    for (const [n, [algorithm, ...options]] of keyKinds.entries()) {
      const host = `key-${n}.test`;
      const certificate = issue(n, host, bench.key(algorithm, ...options));
      expect(await node.bind(n + 1, host, certificate)).toEqual([]);
      for (const version of ['-tls1_2', '-tls1_3']) {
        const args = [version, '-CAfile', bench.path('ca.pem'), '-cipher', 'ALL:@SECLEVEL=0'];
        const shown = await sClient(node.httpsPort, host, args);
        expect(shown?.verified, `${options} ${version}`).toBe('ok');
        expect(shown?.chain.join('')).toBe(certificate.chainPem);
      }
    }
  }, 120_000);

  for (const policy of ['intermediate', 'modern'] as const) {
    it(`gets what Mozilla's ${policy} policy allows, and no more`, async () => {
      const node = await TestNode.start({ settings: { cipherPolicy: policy } });
      const { httpsPort: port } = node;
      await node.bind(1, 'ec.test', issue(1, 'ec.test', bench.key(...p256)));
      const rsa = bench.key('RSA', 'rsa_keygen_bits:2048');
      await node.bind(2, 'rsa.test', issue(2, 'rsa.test', rsa));
      for (const [host, signature] of [
        ['ec.test', 'ECDSA'],
        ['rsa.test', 'RSA'],
      ] as const) {
        expect((await acceptedSuites(port, host)).sort()).toEqual(
          policy === 'modern'
            ? []
            : [
                `ECDHE-${signature}-AES128-GCM-SHA256`,
                `ECDHE-${signature}-AES256-GCM-SHA384`,
                `ECDHE-${signature}-CHACHA20-POLY1305`,
              ],
        );
        for (const version of ['-tls1', '-tls1_1']) {
          const args = [version, '-cipher', 'ALL:@SECLEVEL=0'];
          expect(await sClient(port, host, args)).toBeUndefined();
        }
      }
      for (const suite of [
        'TLS_AES_128_GCM_SHA256',
        'TLS_AES_256_GCM_SHA384',
        'TLS_CHACHA20_POLY1305_SHA256',
      ]) {
        const shown = await sClient(port, 'ec.test', ['-tls1_3', '-ciphersuites', suite]);
        expect(shown).toMatchObject({ protocol: 'TLSv1.3', suite });
      }
      for (const group of ['X25519', 'prime256v1', 'secp384r1']) {
        expect(await sClient(port, 'ec.test', ['-groups', group])).toMatchObject({ group });
      }
      expect(await sClient(port, 'ec.test', ['-groups', 'secp521r1'])).toBeUndefined();
    }, 60_000);
  }
});

/** Every suite of TLS 1.2 that is accepted: each is taken out of the offer once it was chosen. */
async function acceptedSuites(port: number, host: string): Promise<string[]> {
  const accepted: string[] = [];
  for (;;) {
    const offer = ['ALL', 'COMPLEMENTOFALL', ...accepted.map((suite) => `!${suite}`)].join(':');
    const args = ['-tls1_2', '-cipher', `${offer}:@SECLEVEL=0`];
    const shown = await sClient(port, host, args);
    if (shown === undefined) return accepted;
    accepted.push(shown.suite);
  }
}
