import { dirname, join } from 'node:path';
import { entriesOf, statIfThere } from './file-tree.js';

/** The files that a pattern with `*`, `?` and `[…]` stands for, sorted as a shell sorts them. */
export async function expandGlob(pattern: string): Promise<readonly string[]> {
  const paths = await matches(pattern);
  const found = await Promise.all(paths.map(async (path) => (await statIfThere(path))?.isFile()));
  return paths.filter((_, index) => found[index]);
}

async function matches(pattern: string): Promise<readonly string[]> {
  if (!/[*?[]/.test(pattern)) return [pattern];
  const name = pattern.slice(pattern.lastIndexOf('/') + 1);
  const matching = asRegExp(name);
  const found: string[] = [];
  for (const directory of await matches(dirname(pattern))) {
    for (const entry of await entriesOf(directory)) {
      // As in a shell, what is hidden has to be asked for.
      const isHidden = entry.name.startsWith('.') && !name.startsWith('.');
      if (!isHidden && matching.test(entry.name)) found.push(join(directory, entry.name));
    }
  }
  return found;
}

function asRegExp(glob: string): RegExp {
  const source = glob.replaceAll(/\*+|\?|\[[^\]]+\]|./gs, (part) => {
    if (part.startsWith('*')) return '[^/]*';
    if (part === '?') return '[^/]';
    if (part.length > 1)
      return `[${part.slice(1, -1).replace(/^!/, '^').replaceAll('\\', '\\\\')}]`;
    return part.replace(/[$()+.\\^{|}[\]/]/, '\\$&');
  });
  return new RegExp(`^${source}$`);
}
