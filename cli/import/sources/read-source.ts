import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { findPemFiles } from '../find-pem-files.js';
import {
  caddyCertificates,
  isCaddyConfiguration,
  readCaddyConfiguration,
  readCaddyStorage,
} from './caddy-source.js';
import { certbotLive, readCertbot } from './certbot-source.js';
import { statIfThere } from './file-tree.js';
import { isHaproxyConfiguration, readHaproxy } from './haproxy-source.js';
import { isKongConfiguration, readKong } from './kong-source.js';
import { readNginx } from './nginx-source.js';
import { readDocument } from './read-document.js';
import { SourceError, type SourceFormat, type SourceReading } from './source.js';

/**
 * What there is to import at a path, in the format given or the one that it looks like.
 * @throws SourceError where it can't be told or read.
 */
export async function readSource(path: string, format?: SourceFormat): Promise<SourceReading> {
  const found = await statIfThere(path);
  if (found === undefined) throw new SourceError(`there is no ${path}`);
  const isDirectory = found.isDirectory();
  switch (format ?? (isDirectory ? await formatOfDirectory(path) : await formatOfFile(path))) {
    case 'directory':
      return readLoose(path, isDirectory);
    case 'certbot':
      return readCertbot(path);
    case 'caddy':
      return isDirectory
        ? readCaddyStorage(path)
        : readCaddyConfiguration(path, await readDocument(path));
    case 'nginx':
      return readNginx(path);
    case 'haproxy':
      return readHaproxy(path);
    case 'kong':
      return readKong(path, await readDocument(path));
  }
}

async function formatOfDirectory(path: string): Promise<SourceFormat> {
  if (await statIfThere(join(path, 'nginx.conf'))) return 'nginx';
  if (await statIfThere(join(path, 'haproxy.cfg'))) return 'haproxy';
  if (await certbotLive(path)) return 'certbot';
  if (await caddyCertificates(path)) return 'caddy';
  return 'directory';
}

async function formatOfFile(path: string): Promise<SourceFormat> {
  if (/\.(?:ya?ml|json)$/i.test(path)) {
    const document = await readDocument(path);
    if (isKongConfiguration(document)) return 'kong';
    if (isCaddyConfiguration(document)) return 'caddy';
    throw new SourceError(`${path} is neither Kong's configuration nor Caddy's`);
  }
  const start = await startOf(path);
  if (start.includes('-----BEGIN ')) return 'directory';
  if (/^\s*(?:http|server|ssl_certificate)\b[^\n]*[{;]/m.test(start)) return 'nginx';
  if (await isHaproxyConfiguration(path)) return 'haproxy';
  if (/^\s*tls\b|^\S+\s*\{\s*$/m.test(start)) {
    throw new SourceError(
      `${path} looks like a Caddyfile: import what 'caddy adapt --config ${path}' prints`,
    );
  }
  throw new SourceError(
    `${path} is of no format that is known by its look: say which with --format`,
  );
}

async function readLoose(path: string, isDirectory: boolean): Promise<SourceReading> {
  const loose = [];
  if (isDirectory) for await (const name of findPemFiles(path)) loose.push({ name });
  else loose.push({ name: path });
  return { format: 'directory', bindings: [], loose, apis: new Map(), refused: [] };
}

const enoughBytes = 64 * 1024;

async function startOf(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(enoughBytes) });
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
