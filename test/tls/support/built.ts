import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Modules that start threads or processes run as they were built; `npm test` builds first. */
async function built<Module>(path: string): Promise<Module> {
  return (await import(pathToFileURL(resolve('dist', path)).href)) as Module;
}

export const { Supervisor } = await built<typeof import('../../../data-plane/supervisor.js')>(
  'data-plane/supervisor.js',
);
