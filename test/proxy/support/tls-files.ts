import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A self-signed P-256 pair in a directory of its own. */
export class TlsFiles {
  readonly #directory = mkdtempSync(join(tmpdir(), 'signet-tls-'));
  readonly keyFile = join(this.#directory, 'key.pem');
  readonly certFile = join(this.#directory, 'cert.pem');

  /** @param subjectAltName in OpenSSL's notation: `DNS:a.test,IP:127.0.0.1`. */
  constructor(subjectAltName: string) {
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
        ...['-keyout', this.keyFile, '-out', this.certFile, '-days', '2', '-subj', '/CN=test'],
        ...['-addext', `subjectAltName=${subjectAltName}`],
      ],
      { stdio: 'ignore' },
    );
  }

  get cert(): string {
    return readFileSync(this.certFile, 'utf8');
  }

  get key(): string {
    return readFileSync(this.keyFile, 'utf8');
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
