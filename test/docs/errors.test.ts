import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

it('docs/errors.md lists exactly the codes that the source raises', async () => {
  const raised = new Set<string>();
  for (const directory of ['control-plane', 'data-plane', 'shared', 'cli']) {
    for (const file of await readdir(join(root, directory), { recursive: true })) {
      if (!file.endsWith('.ts')) continue;
      const source = await readFile(join(root, directory, file), 'utf8');
      for (const [, code = ''] of source.matchAll(/\bcode = '(SIGNET_[A-Z_]+)'/g)) raised.add(code);
    }
  }
  const text = await readFile(join(root, 'docs/errors.md'), 'utf8');
  const listed = [...text.matchAll(/^\| `(SIGNET_[A-Z_]+)`/gm)].map(([, code = '']) => code);
  expect(listed.toSorted()).toEqual([...raised].toSorted());
});
