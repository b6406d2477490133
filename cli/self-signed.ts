import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';

export interface SelfSigned {
  readonly cert: string;
  /** PKCS#8 PEM. Secret. */
  readonly key: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;

/** A P-256 key and a certificate for the host, for trying things out: nobody trusts it. */
export async function selfSigned(host: string, days: number): Promise<SelfSigned> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const now = Date.now();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    // Positive, as RFC 5280 §4.1.2.2 asks: the first digit keeps the top bit clear.
    serialNumber: `1${randomBytes(15).toString('hex').slice(1)}`,
    name: [{ CN: [host] }],
    // A client whose clock is a little behind takes it too.
    notBefore: new Date(now - 3_600_000),
    notAfter: new Date(now + days * dayMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: host }])],
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const body = (der.toString('base64').match(/.{1,64}/g) ?? []).join('\n');
  return {
    cert: `${certificate.toString('pem')}\n`,
    key: `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`,
  };
}
