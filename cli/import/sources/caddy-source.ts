import { realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { findPemFiles } from '../find-pem-files.js';
import { faultWithin, statIfThere, subdirectoriesOf } from './file-tree.js';
import {
  type Refused,
  readingOf,
  type SourceBinding,
  SourceError,
  type SourceReading,
} from './source.js';
import { isRecord, records, textOf, texts } from './values.js';

/** Caddy's `certificates` directory below `path`, which may be its storage or that directory itself. */
export async function caddyCertificates(path: string): Promise<string | undefined> {
  const directory = basename(resolve(path)) === 'certificates' ? path : join(path, 'certificates');
  for (const issuer of await subdirectoriesOf(directory)) {
    for (const site of await subdirectoriesOf(issuer)) {
      if (await statIfThere(join(site, `${basename(site)}.crt`))) return directory;
    }
  }
  return undefined;
}

/** Caddy's file storage: `certificates/ISSUER/NAME/NAME.crt` with `NAME.key` beside it. */
export async function readCaddyStorage(path: string): Promise<SourceReading> {
  const directory = await caddyCertificates(path);
  if (directory === undefined) {
    throw new SourceError(`${path} is not Caddy's: there is no certificates/ISSUER/NAME/NAME.crt`);
  }
  const root = await realpath(directory);
  const bindings: SourceBinding[] = [];
  const refused: Refused[] = [];
  for (const issuer of await subdirectoriesOf(directory)) {
    for (const site of await subdirectoriesOf(issuer)) {
      const stem = join(site, basename(site));
      const files = [`${stem}.crt`, `${stem}.key`] as const;
      const faults: Refused[] = [];
      for (const what of files) {
        const reason = await faultWithin(root, what);
        if (reason !== undefined) faults.push({ what, reason });
      }
      if (faults.length > 0) refused.push(...faults);
      else bindings.push({ cert: { name: files[0] }, key: { name: files[1] } });
    }
  }
  return readingOf('caddy', bindings, refused);
}

/** Whether this is Caddy's configuration, as `caddy adapt` prints it. */
export function isCaddyConfiguration(document: unknown): boolean {
  return isRecord(document) && isRecord(document['apps']);
}

/**
 * Caddy's configuration in JSON: the certificates that it loads, and those that it keeps in a storage
 * directory named there.
 */
export async function readCaddyConfiguration(
  file: string,
  document: unknown,
): Promise<SourceReading> {
  const certificates = at(document, 'apps', 'tls', 'certificates');
  const near = dirname(resolve(file));
  const bindings: SourceBinding[] = [];
  for (const each of records(at(certificates, 'load_files'))) {
    bindings.push({
      cert: { name: resolve(near, textOf(each, 'certificate')) },
      key: { name: resolve(near, textOf(each, 'key')) },
    });
  }
  for (const [index, each] of records(at(certificates, 'load_pem')).entries()) {
    const name = `${file}: load_pem[${index}]`;
    bindings.push({
      cert: { name: `${name}.certificate`, inline: textOf(each, 'certificate') },
      key: { name: `${name}.key`, inline: textOf(each, 'key') },
    });
  }
  const loose = [];
  for (const folder of texts(at(certificates, 'load_folders'))) {
    for await (const name of findPemFiles(resolve(near, folder))) loose.push({ name });
  }
  const storage = at(document, 'storage', 'root');
  const stored =
    typeof storage === 'string' && (await caddyCertificates(resolve(near, storage)))
      ? await readCaddyStorage(resolve(near, storage))
      : readingOf('caddy', [], []);
  return { ...stored, bindings: [...bindings, ...stored.bindings], loose };
}

function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, name) => (isRecord(inner) ? inner[name] : undefined), value);
}
