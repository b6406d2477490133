import { randomBytes, randomUUID } from 'node:crypto';
import type { Certificate, CertificateId, KeyId } from '../../shared/gateway-model.js';

/** Looks like an uploaded certificate to all who do not parse its chain, of about `chainBytes`. */
export function someCertificate(host = 'a.test', chainBytes = 2000): Certificate {
  const body = randomBytes(Math.floor((chainBytes * 3) / 4)).toString('base64');
  return {
    id: randomUUID() as CertificateId,
    keyId: randomUUID() as KeyId,
    chainPem: `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----`,
    fingerprint256: randomBytes(32).toString('hex'),
    names: [host],
    notBefore: Date.parse('2026-01-01'),
    notAfter: Date.parse('2027-01-01'),
    keyAlgorithm: 'p-256',
  };
}
