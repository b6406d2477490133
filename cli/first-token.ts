import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Io } from './io.js';

export interface FirstToken {
  readonly token: string | undefined;
  readonly dataDir: string;
  /** Whether a person looks at the output. What is not a terminal is a log that keeps what it gets. */
  readonly isTerminal: boolean;
}

/** Hands the admin API's first token over, once: to the terminal, else in a file for its owner alone. */
export function handOverFirstToken(
  { token, dataDir, isTerminal }: FirstToken,
  io: Pick<Io, 'error'>,
): void {
  if (token === undefined) return;
  if (isTerminal) {
    io.error(`\nThe first admin token, shown this once (SIGNET_TOKEN):\n\n  ${token}\n\n`);
    return;
  }
  const path = join(dataDir, 'first-admin-token');
  rmSync(path, { force: true });
  writeFileSync(path, `${token}\n`, { mode: 0o600, flag: 'wx' });
  io.error(`The first admin token lies in ${path}: take it from there and remove the file.\n`);
}
