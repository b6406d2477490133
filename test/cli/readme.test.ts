import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { settingsTable } from '../../cli/config-table.js';

it("the README's configuration table is what the schema says", async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  const [, table] = /<!-- settings: [^>]+ -->\n([\s\S]*?)<!-- \/settings -->/.exec(readme) ?? [];
  expect(unaligned(table ?? ''), 'run `npm run docs`').toBe(unaligned(settingsTable()));
});

/** The formatter aligns the columns. */
function unaligned(table: string): string {
  return table.replaceAll(/ {2,}/g, ' ').replaceAll(/-{3,}/g, '---').trim();
}
