import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type ImportPlan, planImport, textsOf } from '../../cli/import/plan-import.js';
import readPemTexts from '../../cli/import/read-pem-texts.js';
import { readSource } from '../../cli/import/sources/read-source.js';
import type { SourceFormat } from '../../cli/import/sources/source.js';
import type { Pair } from './openssl.js';

/** Writes a file and the directories above it. @returns its path */
export async function write(path: string, text: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

/** `STEM.crt` and `STEM.key`. */
export async function writePair(stem: string, { cert, key }: Pair): Promise<void> {
  await write(`${stem}.crt`, cert);
  await write(`${stem}.key`, key);
}

/** What `signet import` would do with a path. */
export async function planned(
  path: string,
  format?: SourceFormat,
): Promise<ImportPlan & { readonly format: string }> {
  const source = await readSource(path, format);
  const contents = await readPemTexts(textsOf(source));
  return { format: source.format, ...planImport(source, [contents], Date.now()) };
}

/** Host → fingerprint of what would be bound to it. */
export function boundBy({ uploads }: ImportPlan): Readonly<Record<string, string>> {
  return Object.fromEntries(uploads.map(({ host, fingerprint256 }) => [host, fingerprint256]));
}
