import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseHostPattern } from '../../../shared/hostname.js';
import { entriesOf, statIfThere } from './file-tree.js';
import { type Refused, readingOf, type SourceBinding, type SourceReading } from './source.js';

/** What HAProxy itself leaves out of a directory: halves and data that belong to another file. */
const besides = /\.(?:key|issuer|ocsp|sctl)$|^\./;
const section = /^\s*(?:global|defaults|frontend|listen|backend|crt-store)\b/m;
const word = /"((?:[^"\\]|\\.)*)"|'([^']*)'|((?:\\.|[^\s"'#])+)|#.*/g;

/** HAProxy's configuration, a list for `crt-list`, a directory for `crt`, or one such file. */
export async function readHaproxy(path: string): Promise<SourceReading> {
  const reader = new HaproxyReader(dirname(resolve(path)));
  const found = await statIfThere(path);
  if (found?.isDirectory()) {
    const config = join(path, 'haproxy.cfg');
    if (await statIfThere(config)) {
      reader.directory = resolve(path);
      await reader.readConfiguration(config);
    } else await reader.readCrt(resolve(path));
  } else if (await isHaproxyConfiguration(path)) {
    await reader.readConfiguration(path);
  } else {
    await reader.readList(resolve(path));
  }
  return readingOf('haproxy', reader.bindings, reader.refused);
}

/** Whether a file is HAProxy's configuration. */
export async function isHaproxyConfiguration(file: string): Promise<boolean> {
  return section.test(await readFile(file, 'utf8'));
}

/** What `crt-base` and `key-base` said last. */
interface Bases {
  readonly crt?: string;
  readonly key?: string;
}

class HaproxyReader {
  readonly bindings: SourceBinding[] = [];
  readonly refused: Refused[] = [];
  /** What relative paths start from, where no `crt-base` says otherwise. */
  directory: string;
  #bases: Bases = {};
  /** Those of no `crt-store`. */
  #commonBases: Bases = {};

  constructor(directory: string) {
    this.directory = directory;
  }

  async readConfiguration(file: string): Promise<void> {
    const text = await readFile(file, 'utf8');
    // A store of certificates may have bases of its own, up to the next section.
    let isStore = false;
    for (const [index, line] of text.split('\n').entries()) {
      const place = `${file}:${index + 1}`;
      const [keyword, ...rest] = wordsOf(line);
      const [base = ''] = rest;
      if (section.test(line)) {
        isStore = keyword === 'crt-store';
        this.#bases = this.#commonBases;
      }
      if (keyword === 'crt-base') {
        this.#bases = { ...this.#bases, crt: resolve(this.directory, base) };
      } else if (keyword === 'key-base') {
        this.#bases = { ...this.#bases, key: resolve(this.directory, base) };
      } else if (keyword === 'bind') await this.#readBind(place, rest);
      else if (keyword === 'load') await this.#readLoad(place, rest);
      if (!isStore) this.#commonBases = this.#bases;
    }
  }

  async #readBind(place: string, words: readonly string[]): Promise<void> {
    for (const [index, keyword] of words.entries()) {
      const value = words[index + 1];
      if (value === undefined || (keyword !== 'crt' && keyword !== 'crt-list')) continue;
      // What a crt-store has loaded is read there.
      if (value.startsWith('@')) continue;
      if (value.includes('$')) this.#refuse(place, 'its path depends on the environment');
      else if (keyword === 'crt') await this.readCrt(this.#path(value));
      else await this.readList(this.#path(value));
    }
  }

  async #readLoad(place: string, words: readonly string[]): Promise<void> {
    const value = (name: string) => {
      const at = words.indexOf(name);
      return at === -1 ? undefined : words[at + 1];
    };
    const [cert, key] = [value('crt'), value('key')];
    if (cert === undefined) return this.#refuse(place, 'it names no crt');
    if (key === undefined) return this.readCrt(this.#path(cert));
    this.bindings.push({
      cert: { name: this.#path(cert) },
      key: { name: resolve(this.#bases.key ?? this.directory, key) },
    });
  }

  /** A file with chain and key, or all such files of a directory. */
  async readCrt(path: string, hosts?: readonly string[]): Promise<void> {
    const found = await statIfThere(path);
    if (found === undefined) {
      this.#refuse(path, 'it is not there');
    } else if (found.isDirectory()) {
      for (const { name } of await entriesOf(path)) {
        const file = join(path, name);
        const isFile = (await statIfThere(file))?.isFile();
        if (isFile && !besides.test(name)) await this.readCrt(file);
      }
    } else {
      const key = { name: await keyFileOf(path) };
      this.bindings.push({ cert: { name: path }, key, ...(hosts && { hosts }) });
    }
  }

  /** `FILE [options] filter …`, one certificate a line. */
  async readList(file: string): Promise<void> {
    if ((await statIfThere(file)) === undefined) return this.#refuse(file, 'it is not there');
    const lines = (await readFile(file, 'utf8')).split('\n');
    for (const [index, line] of lines.entries()) {
      const place = `${file}:${index + 1}`;
      const [path, ...filters] = wordsOf(line.replace(/\[[^\]]*\]/, ' '));
      if (path === undefined) continue;
      const hosts = filters.filter((filter) => {
        if (filter.startsWith('!')) {
          this.#refuse(
            `${place} ${filter}`,
            'a host can be bound to a certificate, not kept from it',
          );
          return false;
        }
        if (filter === '*' || parseHostPattern(filter) === undefined) {
          this.#refuse(`${place} ${filter}`, 'it is not a host name');
          return false;
        }
        return true;
      });
      const named = filters.length === 0 ? undefined : hosts.map((host) => host.toLowerCase());
      await this.readCrt(this.#path(path), named);
    }
  }

  #path(path: string): string {
    return resolve(this.#bases.crt ?? this.directory, path);
  }

  #refuse(what: string, reason: string): void {
    this.refused.push({ what, reason });
  }
}

function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const [whole, double, single, bare] of line.matchAll(word)) {
    if (whole.startsWith('#')) break;
    words.push(single ?? (double ?? bare ?? '').replaceAll(/\\(.)/g, '$1'));
  }
  return words;
}

/** The file itself where it holds its key, or where it lies nowhere that HAProxy would look. */
async function keyFileOf(file: string): Promise<string> {
  if ((await readFile(file, 'utf8')).includes('PRIVATE KEY-----')) return file;
  for (const beside of [`${file}.key`, file.replace(/\.[^./]+$/, '.key')]) {
    if (await statIfThere(beside)) return beside;
  }
  return file;
}
