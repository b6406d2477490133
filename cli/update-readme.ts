import { readFileSync, writeFileSync } from 'node:fs';
import { settingsTable } from './config-table.js';

/** Writes the settings' table into the README: `npm run docs`. */
const readme = new URL('../../README.md', import.meta.url);
const text = readFileSync(readme, 'utf8');
writeFileSync(
  readme,
  text.replace(
    /(<!-- settings: [^>]+ -->\n)[\s\S]*?(<!-- \/settings -->)/,
    (_, start: string, end: string) => `${start}${settingsTable()}${end}`,
  ),
);
