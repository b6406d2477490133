import { open, readFile } from 'node:fs/promises';
import { hasErrno } from '../../shared/errno.js';
import { type Checkpoint, parseCheckpoint } from '../events/checkpoint.js';
import type { CheckpointStore } from '../ports/checkpoint-store.js';

/** One JSON object a line. A line that a crash cut short is no checkpoint and is passed over. */
export class FileCheckpointStore implements CheckpointStore {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async append(checkpoint: Checkpoint): Promise<void> {
    const file = await open(this.#path, 'a', 0o600);
    try {
      // A line break first ends the line that a crash may have cut short.
      await file.appendFile(`\n${JSON.stringify(checkpoint)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async read(): Promise<readonly Checkpoint[]> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return [];
      throw error;
    }
    return text
      .split('\n')
      .map(parseCheckpoint)
      .filter((checkpoint) => checkpoint !== undefined);
  }
}
