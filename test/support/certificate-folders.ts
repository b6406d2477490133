import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { IssuedCertificate, TestCa } from './test-ca.js';

/** As certbot keeps them: `archive` holds the files, `live/HOST` links to the newest. */
export async function certbotFolder(
  root: string,
  host: string,
  { cert, key }: IssuedCertificate,
  ca: TestCa,
): Promise<void> {
  const archive = join(root, 'archive', host);
  const live = join(root, 'live', host);
  await mkdir(archive, { recursive: true });
  await mkdir(live, { recursive: true });
  const files = {
    cert,
    chain: ca.cert,
    fullchain: `${cert.trim()}\n${ca.cert}`,
    privkey: key,
  };
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(archive, `${name}1.pem`), content, { mode: 0o600 });
    await symlink(join('..', '..', 'archive', host, `${name}1.pem`), join(live, `${name}.pem`));
  }
}

/** As HAProxy keeps them: chain and key in one file. */
export async function haproxyFile(
  root: string,
  host: string,
  { cert, key }: IssuedCertificate,
): Promise<void> {
  await mkdir(root, { recursive: true });
  await writeFile(join(root, `${host}.pem`), `${cert}\n${key}`, { mode: 0o600 });
}

/** As Caddy keeps them: `HOST/HOST.crt` and `HOST/HOST.key`, with a description beside. */
export async function caddyFolder(
  root: string,
  host: string,
  { cert, key }: IssuedCertificate,
): Promise<void> {
  const directory = join(root, 'certificates', 'acme-directory', host);
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, `${host}.crt`), cert);
  await writeFile(join(directory, `${host}.key`), key, { mode: 0o600 });
  await writeFile(join(directory, `${host}.json`), '{"sans":[]}');
}
