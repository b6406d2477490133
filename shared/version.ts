import { readFileSync } from 'node:fs';
import { hasErrno } from './errno.js';

/** Version of this build, from the package's manifest beside `shared/` or beside `dist/`. */
export const version: string = readVersion();

/** What `Server`, `Via` and the command line call this product. */
export const product = `signet/${version}`;

function readVersion(): string {
  for (const candidate of ['../package.json', '../../package.json']) {
    try {
      const manifest: unknown = JSON.parse(
        readFileSync(new URL(candidate, import.meta.url), 'utf8'),
      );
      if (isManifest(manifest)) return manifest.version;
    } catch (error) {
      if (!hasErrno(error, 'ENOENT')) throw error;
    }
  }
  throw new Error("signet's package.json is missing beside its code: install it anew");
}

function isManifest(
  value: unknown,
): value is { readonly name: 'signet'; readonly version: string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    value.name === 'signet' &&
    'version' in value &&
    typeof value.version === 'string'
  );
}
