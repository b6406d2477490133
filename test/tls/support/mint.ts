import 'reflect-metadata';
import { createHash, randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { ServedCertificate } from '../../../shared/snapshot.js';
import { certificateId } from '../../support/gateway-fixtures.js';

const signing = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const keys = await webcrypto.subtle.generateKey(signing, true, ['sign', 'verify']);
const keyPem = x509.PemConverter.encode(
  await webcrypto.subtle.exportKey('pkcs8', keys.privateKey),
  'PRIVATE KEY',
);
let minted = 0;

/** A self-signed P-256 certificate for `names`; every call makes another one, with one key for all. */
export async function mint(...names: readonly [string, ...string[]]): Promise<ServedCertificate> {
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: randomBytes(8).toString('hex'),
      name: `CN=${names[0].replace('*', 'any')}`,
      notBefore: new Date(Date.now() - 3_600_000),
      notAfter: new Date(Date.now() + 86_400_000),
      signingAlgorithm: signing,
      keys,
      extensions: [
        new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value }))),
      ],
    },
    webcrypto,
  );
  minted += 1;
  return {
    id: certificateId(minted),
    fingerprint256: createHash('sha256').update(Buffer.from(certificate.rawData)).digest('hex'),
    chainPem: certificate.toString('pem'),
    keyPem,
    notAfter: certificate.notAfter.getTime(),
  };
}
