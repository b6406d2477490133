import { readFileSync, writeFileSync } from 'node:fs';
import { licenceList } from './licence-list.js';

/** Writes `docs/licences.md` out of the lock file: `npm run licences`. */
const root = new URL('../../', import.meta.url);
const lock = JSON.parse(readFileSync(new URL('package-lock.json', root), 'utf8'));
writeFileSync(new URL('docs/licences.md', root), licenceList(lock));
