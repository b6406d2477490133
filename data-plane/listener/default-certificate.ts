import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

/** A chain, leaf first, and its key, in the clear: never log, never write unsealed. */
export interface KeyPair {
  readonly chainPem: string;
  readonly keyPem: string;
}

const validForYears = 10;

/**
 * Makes the certificate that is shown where no other is bound: self-signed, P-256, CN=localhost, as
 * Kong makes its own.
 *
 * @param now the clock's time; the certificate is valid from a day before, for clocks that are off.
 */
export async function createDefaultCertificate(now: Date): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ]);
  const notAfter = new Date(now);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + validForYears);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: 'C=US, ST=California, L=San Francisco, O=Signet, OU=IT Department, CN=localhost',
      notBefore: new Date(now.getTime() - 86_400_000),
      notAfter,
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }]),
      ],
    },
    webcrypto,
  );
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    chainPem: certificate.toString('pem'),
    keyPem: x509.PemConverter.encode(key, 'PRIVATE KEY'),
  };
}
