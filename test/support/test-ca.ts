import 'reflect-metadata';
import { createHash, randomBytes, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

export interface IssuedCertificate {
  /** Leaf only, PEM. */
  readonly cert: string;
  /** PKCS#8 PEM. */
  readonly key: string;
  /** SHA-256 of the leaf's DER, 64 lower-case hex digits. */
  readonly fingerprint256: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;

/** A certificate authority in memory: mints a P-256 leaf in about a millisecond. */
export class TestCa {
  /** PEM of the root, for clients that verify. */
  readonly cert: string;
  readonly #root: X509Certificate;
  readonly #keys: webcrypto.CryptoKeyPair;

  private constructor(root: X509Certificate, keys: webcrypto.CryptoKeyPair) {
    this.#root = root;
    this.#keys = keys;
    this.cert = root.toString('pem');
  }

  static async create(): Promise<TestCa> {
    const keys = await newKeys();
    const now = Date.now();
    const root = await X509CertificateGenerator.createSelfSigned({
      serialNumber: serialNumber(),
      name: 'CN=Signet test root',
      notBefore: new Date(now - dayMs),
      notAfter: new Date(now + 30 * dayMs),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
      ],
    });
    return new TestCa(root, keys);
  }

  /** Each call makes a new key and another leaf. */
  async issue(
    names: readonly [string, ...string[]],
    { days = 20, ageDays = 1 }: { readonly days?: number; readonly ageDays?: number } = {},
  ): Promise<IssuedCertificate> {
    const keys = await newKeys();
    const now = Date.now();
    const leaf = await X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: `CN=${names[0]}`,
      issuer: this.#root.subject,
      notBefore: new Date(now - ageDays * dayMs),
      notAfter: new Date(now + days * dayMs),
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      extensions: [
        new SubjectAlternativeNameExtension(
          names.map((name) => ({ type: 'dns' as const, value: name })),
        ),
      ],
    });
    return {
      cert: leaf.toString('pem'),
      key: await toPem(keys.privateKey),
      fingerprint256: createHash('sha256').update(Buffer.from(leaf.rawData)).digest('hex'),
    };
  }
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function toPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  const lines = der.match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
}

/** Positive, as RFC 5280 §4.1.2.2 asks: the first digit keeps the top bit clear. */
function serialNumber(): string {
  return `1${randomBytes(15).toString('hex').slice(1)}`;
}
