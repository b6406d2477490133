import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeDirectory } from '../../shared/make-directory.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

it('makes a directory and those above it, and leaves one that is there', async () => {
  const path = join(await temporaryDirectory(), 'a', 'b', 'c');
  makeDirectory(path);
  makeDirectory(path);
  for (const made of [path, join(path, '..')]) expect(statSync(made).mode & 0o777).toBe(0o700);
});

it('says so where none can be made, instead of trying for ever', async () => {
  expect(() => makeDirectory('/proc/signet/data')).toThrow(/ENOENT.*mkdir '\/proc\/signet'/);
  const file = join(await temporaryDirectory(), 'file');
  writeFileSync(file, '');
  expect(() => makeDirectory(join(file, 'data'))).toThrow('ENOTDIR');
});
