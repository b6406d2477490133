import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';

/**
 * Builds the web console, part of `npm run build`. Nothing happens where its sources and the tools are what
 * they were last time: that is found out in some milliseconds, without loading the tools.
 */
const root = join(import.meta.dirname, '../..');
const sources = join(root, 'console');
const built = join(root, 'dist/console');
const site = join(built, 'site');
const stamp = join(built, '.inputs');

const inputs = digestOfInputs();
if (!existsSync(join(site, 'index.html')) || readIfThere(stamp) !== inputs) {
  const { build } = await import('vite');
  await build({ configFile: join(sources, 'vite.config.ts'), logLevel: 'warn' });
  for (const name of filesUnder(site).filter((each) => /\.(js|css|html|svg)$/.test(each))) {
    writeFileSync(join(site, `${name}.br`), brotliCompressSync(readFileSync(join(site, name))));
  }
  writeFileSync(stamp, inputs);
}

function digestOfInputs(): string {
  const digest = createHash('sha256');
  const files = [...filesUnder(sources).map((name) => join('console', name)), 'package-lock.json'];
  for (const name of files) {
    digest
      .update(`${name}\0`)
      .update(readFileSync(join(root, name)))
      .update('\0');
  }
  return digest.digest('hex');
}

function filesUnder(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();
}

function readIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
