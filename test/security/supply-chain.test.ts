import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type LockFile, licenceList, productionPackages } from '../../cli/licence-list.js';

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
const lock: LockFile = JSON.parse(read('package-lock.json'));

/** May be used, changed and passed on under our own licence without more than a notice. */
const permissive = [
  ...['MIT', 'ISC', '0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0'],
  ...['(MIT OR WTFPL)', '(BSD-3-Clause AND Apache-2.0)', '(BSD-2-Clause OR MIT OR Apache-2.0)'],
];

describe('what npm installs', () => {
  it('is locked by hash, but for native builds of platforms that the engine is not on record for', () => {
    const loose = Object.entries(lock.packages).flatMap(([path, { integrity }]) =>
      path === '' || integrity !== undefined ? [] : [path],
    );
    const foreign = /^node_modules\/@(uwsjs|biomejs)\/(?!linux-x64-2|cli-linux-x64$)[a-z0-9-]+$/;
    expect(loose.filter((path) => !foreign.test(path))).toEqual([]);
  });

  it('comes under permissive licences alone', () => {
    const others = productionPackages(lock).filter(
      ({ licence = '' }) => !permissive.includes(licence),
    );
    expect(others).toEqual([]);
  });

  it('is listed with its licences in docs/licences.md', () => {
    expect(read('docs/licences.md'), 'run `npm run licences`').toBe(licenceList(lock));
  });

  it('depends on exact versions', () => {
    const { dependencies, devDependencies } = JSON.parse(read('package.json'));
    const ranges = Object.entries<string>({ ...dependencies, ...devDependencies }).filter(
      ([, version]) => !/^(npm:@?[^@]+@)?[0-9]+\.[0-9]+\.[0-9]+(-[\w.]+)?$/.test(version),
    );
    expect(ranges).toEqual([]);
  });
});
