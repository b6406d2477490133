import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CertificateId } from '../../shared/gateway-model.js';
import type { ServedCertificate } from '../../shared/snapshot.js';

const serialBytes = 16;
const digits = 7;

/** Name of the n-th of many hosts: all of one length, so that it can be put into a finished certificate. */
export function manyHost(n: number): string {
  return `host-${String(n).padStart(digits, '0')}.many.test`;
}

/**
 * Makes certificates by the hundred thousand: one is signed, the others differ in their serial
 * number and name. No server checks the signature on its own leaf, and each is as large as a signed
 * one. All have the same key; each is sealed or stored for itself.
 */
export class ManyCertificates {
  readonly #der: Buffer;
  readonly #serialAt: number;
  readonly #nameAt: number;
  readonly #keyPem: string;
  #count = 0;

  constructor() {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const serial = Buffer.concat([Buffer.from([0x5a]), randomBytes(serialBytes - 1)]);
    const directory = mkdtempSync(join(tmpdir(), 'signet-mint-'));
    const [keyFile, certFile] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    writeFileSync(keyFile, this.#keyPem, { mode: 0o600 });
    execFileSync('openssl', [
      ...['req', '-x509', '-new', '-key', keyFile, '-out', certFile, '-days', '30'],
      ...['-set_serial', `0x${serial.toString('hex')}`],
      ...['-subj', '/CN=many.test', '-addext', `subjectAltName=DNS:${manyHost(0)}`],
    ]);
    this.#der = new X509Certificate(readFileSync(certFile)).raw;
    rmSync(directory, { recursive: true });
    this.#serialAt = this.#der.indexOf(serial);
    this.#nameAt = this.#der.indexOf(manyHost(0));
  }

  /** Another certificate for the n-th host. */
  next(n: number): ServedCertificate {
    this.#count += 1;
    const der = Buffer.from(this.#der);
    der.writeUInt32BE(this.#count, this.#serialAt + serialBytes - 4);
    der.write(manyHost(n), this.#nameAt, 'latin1');
    const base64 = der.toString('base64').replace(/.{64}/g, '$&\n').trimEnd();
    return {
      // An id as the parser would make it.
      id: `cccccccc-0000-4000-8000-${this.#count.toString(16).padStart(12, '0')}` as CertificateId,
      fingerprint256: createHash('sha256').update(der).digest('hex'),
      chainPem: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----`,
      keyPem: this.#keyPem,
      notAfter: Date.now() + 30 * 86_400_000,
    };
  }
}
