import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * Loads a module out of the built output, for what starts worker threads: they cannot load `.ts`. The
 * type argument is `typeof import(…)` of its source.
 */
export async function built<Module>(path: string): Promise<Module> {
  const url = pathToFileURL(join(import.meta.dirname, '../../dist', path));
  // Built from the very source that the type argument names.
  return (await import(url.href)) as Module;
}
