import { readFile } from 'node:fs/promises';
import { LineCounter, parseDocument } from 'yaml';
import { yamlFault } from '../../yaml-fault.js';
import { statIfThere } from './file-tree.js';
import { SourceError } from './source.js';

/** Tens of thousands of certificates with their keys. */
const maxBytes = 128 * 1024 * 1024;
/** Aliases are counted as they unfold: a document of a few lines can otherwise fill the memory. */
const maxAliasCount = 100;

/**
 * Reads YAML, or the JSON that it includes. What is wrong is told by place alone: the text around it
 * may be a private key.
 * @throws SourceError
 */
export async function readDocument(file: string): Promise<unknown> {
  const size = (await statIfThere(file))?.size ?? 0;
  if (size > maxBytes) throw new SourceError(`${file} has more than ${maxBytes / 1024 ** 2} MiB`);
  const text = await readFile(file, 'utf8');
  const lines = new LineCounter();
  try {
    const document = parseDocument(text, {
      ...{ lineCounter: lines, prettyErrors: false, merge: true, logLevel: 'silent' },
    });
    const [first] = document.errors;
    if (first !== undefined) throw new SourceError(yamlFault(file, first, lines));
    return document.toJS({ maxAliasCount });
  } catch (error) {
    if (error instanceof SourceError) throw error;
    if (error instanceof ReferenceError) {
      throw new SourceError(`${file} uses more aliases than any configuration needs`);
    }
    if (error instanceof RangeError) throw new SourceError(`${file} is nested too deeply`);
    throw error;
  }
}
