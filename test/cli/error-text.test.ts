import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { errorText } from '../../cli/error-text.js';
import { holdDataDirectory } from '../../shared/data-directory.js';
import { openSqlite } from '../../shared/sqlite.js';
import { createFileAtomically } from '../../shared/write-file.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** What a user is told when `work` fails. */
async function told(work: () => unknown, file?: string): Promise<string> {
  try {
    await work();
  } catch (error) {
    return errorText(error, file);
  }
  throw new Error('nothing failed');
}

it('names the file or directory that cannot be used, and what is wrong with it', async () => {
  const directory = await temporaryDirectory();
  const at = (name: string) => join(directory, name);
  writeFileSync(at('file'), 'no database, no directory');
  mkdirSync(at('directory'));

  expect(await told(() => holdDataDirectory('/proc/signet'))).toBe(
    'no directory can be made at /proc/signet',
  );
  expect(await told(() => holdDataDirectory(at('file')))).toBe(
    `${at('file/in-use.lock')} leads through a file as if it were a directory`,
  );
  expect(await told(() => readFileSync(at('directory')), at('directory'))).toBe(
    `${at('directory')} is a directory, and a file is expected`,
  );
  expect(await told(() => openSqlite({ path: at('file') }))).toBe(
    `${at('file')}: file is not a database`,
  );
  expect(await told(() => createFileAtomically(at('gone/key'), '', 0o600))).toBe(
    `there is no ${at('gone')}`,
  );
});
