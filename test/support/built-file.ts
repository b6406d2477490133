import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A file of the built output, whether this module runs from source or is built itself. */
export function builtFile(path: string): string {
  let root = import.meta.dirname;
  while (!existsSync(join(root, 'package.json'))) root = dirname(root);
  return join(root, 'dist', path);
}
