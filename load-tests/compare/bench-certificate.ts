import { X509Certificate } from 'node:crypto';
import type { CertificateId } from '../../shared/gateway-model.js';
import type { ServedCertificate } from '../../shared/snapshot.js';
import { OpensslBench } from '../../test/support/openssl.js';

export const keyKinds = ['P-256', 'P-384', 'RSA-2048', 'RSA-3072', 'RSA-4096'] as const;
export type KeyKind = (typeof keyKinds)[number];

const keyOptions = {
  'P-256': ['EC', 'ec_paramgen_curve:P-256'],
  'P-384': ['EC', 'ec_paramgen_curve:P-384'],
  'RSA-2048': ['RSA', 'rsa_keygen_bits:2048'],
  'RSA-3072': ['RSA', 'rsa_keygen_bits:3072'],
  'RSA-4096': ['RSA', 'rsa_keygen_bits:4096'],
} as const satisfies Record<KeyKind, readonly string[]>;

/** A self-signed certificate for a host, with a key of its own. */
export function benchCertificate(host: string, kind: KeyKind): ServedCertificate {
  const bench = new OpensslBench();
  try {
    const [algorithm, options] = keyOptions[kind];
    const keyPem = bench.key(algorithm, options);
    const chainPem = bench.certificate(keyPem, { subject: `/CN=${host}`, names: [host] });
    return servedCertificate(chainPem, keyPem);
  } finally {
    bench.dispose();
  }
}

/** A pair as a node's store takes it; always with the same id. */
export function servedCertificate(chainPem: string, keyPem: string): ServedCertificate {
  const { fingerprint256, validTo } = new X509Certificate(chainPem);
  return {
    id: 'cccccccc-0000-4000-8000-000000000001' as CertificateId, // as the parser would make it
    fingerprint256: fingerprint256.replaceAll(':', '').toLowerCase(),
    chainPem,
    keyPem,
    notAfter: Date.parse(validTo),
  };
}
