import { join } from 'node:path';
import { GatewayError } from './errors.js';
import { makeDirectory } from './make-directory.js';
import { isSqliteBusy, lockFile } from './sqlite.js';

/** For a process that is about to be gone. */
const waitMs = 5_000;

/** Two processes that both take one directory for theirs would serve different states of it. */
export class DataDirectoryInUseError extends GatewayError {
  readonly code = 'SIGNET_DATA_DIRECTORY_IN_USE';

  constructor(directory: string) {
    super(
      `another process of Signet runs with ${directory}: stop it, or choose another data_dir for this one`,
    );
  }
}

/**
 * Makes a data directory if it is not there, and holds it for this process until it is released or the
 * process has ended, however it ended.
 * @returns a function that releases it.
 * @throws DataDirectoryInUseError
 */
export function holdDataDirectory(directory: string): () => void {
  makeDirectory(directory);
  try {
    return lockFile(join(directory, 'in-use.lock'), waitMs);
  } catch (error) {
    if (isSqliteBusy(error)) throw new DataDirectoryInUseError(directory);
    throw error;
  }
}
