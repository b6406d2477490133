import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);
const text = readFileSync(new URL('docs/threat-model.md', root), 'utf8');

it('every claim of the threat model names a test that is there', () => {
  const claims = text.split('\n').filter((line) => line.startsWith('- ') && line.includes(' — '));
  expect(claims.length).toBeGreaterThan(40);
  const wrong = claims.flatMap((claim) => {
    const proofs = [...claim.matchAll(/`(test\/[^`]+)`: ((?:"[^"]+"(?:, )?)+)/g)];
    if (proofs.length === 0) return [`no test: ${claim}`];
    return proofs.flatMap(([, file = '', names = '']) => missing(file, names));
  });
  expect(wrong).toEqual([]);
});

function missing(file: string, names: string): string[] {
  const path = new URL(file, root);
  if (!existsSync(path)) return [`no file ${file}`];
  // As it stands in the source: line breaks and quotes of a long name aside.
  const source = readFileSync(path, 'utf8').replace(/\\'/g, "'");
  return [...names.matchAll(/"([^"]+)"/g)].flatMap(([, name = '']) =>
    source.includes(name) ? [] : [`${file} has no "${name}"`],
  );
}
