import { createHash, X509Certificate } from 'node:crypto';
import { runCommand, succeed } from './run-command.js';

/** The leaf that `openssl s_client` is shown on a port of this machine. */
export async function leafBySClient(port: number, serverName: string): Promise<X509Certificate> {
  const { stdout, stderr } = await runCommand('openssl', [
    ...['s_client', '-connect', `127.0.0.1:${port}`, '-servername', serverName, '-showcerts'],
  ]);
  const [pem] = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(stdout) ?? [];
  if (pem === undefined) throw new Error(`s_client was shown no certificate: ${stderr}`);
  return new X509Certificate(pem);
}

export function fingerprintOf(certificate: X509Certificate): string {
  return createHash('sha256').update(certificate.raw).digest('hex');
}

export interface Recipe {
  /** Path of the certificate, as `curl --form config.cert=@…` takes it. */
  readonly certPath: string;
  /** Path of the key, its passphrase taken off. */
  readonly keyPath: string;
}

/**
 * The recipe of Kong's ssl page, as it stands there: a 1024-bit RSA key under a passphrase, a request,
 * the passphrase taken off, a self-signed certificate without any extension. The page lets openssl
 * ask for passphrase and subject; here it reads the passphrase from standard input.
 */
export async function kongRecipe(directory: string, host: string): Promise<Recipe> {
  const passphrase = { input: 'walkthrough\n', cwd: directory };
  await succeed('openssl', words('genrsa -des3 -passout stdin -out server.key 1024'), passphrase);
  await succeed(
    'openssl',
    [...words('req -new -passin stdin -key server.key -out server.csr -subj'), `/CN=${host}`],
    passphrase,
  );
  await succeed('cp', words('server.key server.key.org'), { cwd: directory });
  await succeed(
    'openssl',
    words('rsa -passin stdin -in server.key.org -out server.key'),
    passphrase,
  );
  await succeed('openssl', words('x509 -req -in server.csr -signkey server.key -out server.crt'), {
    cwd: directory,
  });
  return { certPath: `${directory}/server.crt`, keyPath: `${directory}/server.key` };
}

function words(line: string): string[] {
  return line.split(' ');
}
