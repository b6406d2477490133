import { GatewayError } from '../shared/errors.js';

/**
 * What went wrong, in words for whoever typed the command.
 * @param file what was read or written, where the error itself does not say
 */
export function errorText(error: unknown, file?: string): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof GatewayError) return `${error.message} (${error.code})`;
  // Node's own errors of system calls; every field is looked at before it is used.
  const { code, path = file, syscall } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') {
    return `${error.message}. Another program has that port: stop it, or choose other ports (signet start --help).`;
  }
  if (code === 'EACCES' && syscall === 'listen') {
    return `${error.message}. This user may not listen there: choose a port above 1023.`;
  }
  if (path === undefined) return error.message;
  if (code === 'ENOENT' && syscall === 'mkdir') return `no directory can be made at ${path}`;
  return fileFaults[code ?? '']?.(path) ?? error.message;
}

const fileFaults: Readonly<Record<string, (path: string) => string>> = {
  ENOENT: (path) => `there is no ${path}`,
  EACCES: (path) => `this user may not use ${path}: look at its mode and owner`,
  EISDIR: (path) => `${path} is a directory, and a file is expected`,
  ENOTDIR: (path) => `${path} leads through a file as if it were a directory`,
  EEXIST: (path) => `${path} is there already`,
  EROFS: (path) => `${path} is on a file system that is read-only`,
};
