import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** A scratch directory with `openssl` in it; `dispose` removes all of it. */
export class OpensslBench {
  readonly #directory = mkdtempSync(join(tmpdir(), 'signet-openssl-'));
  #count = 0;

  /** Runs one command; `@name` in an argument becomes the path of that file. */
  run(...args: readonly string[]): string {
    const resolved = args.map((each) => (each.startsWith('@') ? this.path(each.slice(1)) : each));
    return execFileSync('openssl', resolved, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  path(name: string): string {
    return join(this.#directory, name);
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  write(name: string, content: string | Buffer): void {
    writeFileSync(this.path(name), content);
  }

  /** A key as `openssl genpkey` makes it, e.g. `key('EC', 'ec_paramgen_curve:P-256')`. */
  key(algorithm: string, ...options: readonly string[]): string {
    const name = `key-${this.#count++}`;
    const pkeyopts = options.flatMap((each) => ['-pkeyopt', each]);
    this.run('genpkey', '-algorithm', algorithm, ...pkeyopts, '-out', `@${name}`);
    return this.read(name);
  }

  /** A certificate for a key, self-signed or by an issuer. */
  certificate(key: string, options: CertificateOptions = {}): string {
    const n = this.#count++;
    const { subject = '/CN=a.test', names = ['a.test'], issuer, ca = false, days = 90 } = options;
    this.write('req.cnf', '[req]\ndistinguished_name=dn\n[dn]\n');
    this.write(`k${n}`, key);
    const san = names.map((each) => `DNS:${each}`).join(',');
    const extensions = [
      ...(san === '' ? [] : ['-addext', `subjectAltName=${san}`]),
      ...(ca ? ['-addext', 'keyUsage=critical,keyCertSign'] : []),
      '-addext',
      `basicConstraints=critical,CA:${ca ? 'TRUE' : 'FALSE'}`,
    ];
    const signing: string[] = [];
    if (issuer !== undefined) {
      this.write(`c${n}`, issuer.cert);
      this.write(`ck${n}`, issuer.key);
      signing.push('-CA', `@c${n}`, '-CAkey', `@ck${n}`);
    }
    this.run(
      ...['req', '-x509', '-new', '-batch', '-config', '@req.cnf', '-key', `@k${n}`],
      ...['-subj', subject, '-days', String(days), ...extensions, ...signing, '-out', `@crt${n}`],
    );
    return this.read(`crt${n}`);
  }

  dispose(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

export interface CertificateOptions {
  readonly subject?: string;
  /** DNS subjectAltNames; none for an empty list. */
  readonly names?: readonly string[];
  readonly issuer?: Pair;
  readonly ca?: boolean;
  readonly days?: number;
}
