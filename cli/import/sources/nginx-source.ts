import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseHostPattern } from '../../../shared/hostname.js';
import { expandGlob } from './expand-glob.js';
import { statIfThere } from './file-tree.js';
import { type Directive, parseNginx } from './nginx-syntax.js';
import {
  type Refused,
  readingOf,
  type SourceBinding,
  SourceError,
  type SourceReading,
} from './source.js';

const maxFiles = 50_000;
const maxBytes = 16 * 1024 * 1024;

/** A directive and where it stands. */
interface Placed extends Directive {
  /** The file that includes the file that includes … the one it is in. */
  readonly files: readonly string[];
}

/** What an enclosing block says and a `server` may say anew. */
interface Inherited {
  readonly certs: readonly string[];
  readonly keys: readonly string[];
}

/**
 * nginx's configuration: the names of each `server`, with the certificates it shows for them. Includes are
 * followed, as nginx does, from the directory of the first file.
 */
export async function readNginx(path: string): Promise<SourceReading> {
  const isDirectory = (await statIfThere(path))?.isDirectory() === true;
  const file = resolve(isDirectory ? join(path, 'nginx.conf') : path);
  const reader = new NginxReader(dirname(file));
  await reader.readFile(file, { certs: [], keys: [] });
  return readingOf('nginx', reader.bindings, reader.refused);
}

class NginxReader {
  readonly bindings: SourceBinding[] = [];
  readonly refused: Refused[] = [];
  readonly #prefix: string;
  #filesRead = 0;

  /** @param prefix what relative paths start from. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  async readFile(file: string, inherited: Inherited): Promise<void> {
    await this.#walk(await this.#withIncludes(await this.#parse([file])), inherited);
  }

  /** @param directives of one block, includes unfolded. */
  async #walk(directives: readonly Placed[], inherited: Inherited): Promise<void> {
    const here = {
      certs: valuesOr(directives, 'ssl_certificate', inherited.certs),
      keys: valuesOr(directives, 'ssl_certificate_key', inherited.keys),
    };
    for (const directive of directives) {
      const { name, block, files } = directive;
      if (block === undefined || (name !== 'http' && name !== 'server')) continue;
      const inner = await this.#withIncludes(block.map((each) => ({ ...each, files })));
      if (name === 'http') await this.#walk(inner, here);
      else this.#readServer(directive, inner, here);
    }
  }

  #readServer(server: Placed, directives: readonly Placed[], inherited: Inherited): void {
    const certs = valuesOr(directives, 'ssl_certificate', inherited.certs);
    const keys = valuesOr(directives, 'ssl_certificate_key', inherited.keys);
    if (certs.length === 0 || !speaksTls(directives)) return;
    const place = placeOf(server);
    const hosts = this.#hostsOf(place, directives);
    if (hosts.length === 0) return;
    for (const [index, cert] of certs.entries()) {
      const key = keys[index];
      if (key === undefined) {
        this.#refuse(place, 'an ssl_certificate has no ssl_certificate_key');
      } else if (isComputed(cert) || isComputed(key)) {
        this.#refuse(place, 'its certificate or key is no file: nginx finds it anew each time');
      } else {
        const [certFile, keyFile] = [cert, key].map((path) => resolve(this.#prefix, path));
        if (certFile === undefined || keyFile === undefined) continue;
        this.bindings.push({ cert: { name: certFile }, key: { name: keyFile }, hosts });
      }
    }
  }

  #hostsOf(place: string, directives: readonly Placed[]): readonly string[] {
    const names = directives.flatMap(({ name, args }) => (name === 'server_name' ? args : []));
    const hosts = names.flatMap((name) => {
      // A leading dot stands for the name itself and all below it.
      const patterns = name.startsWith('.') ? [name.slice(1), `*${name}`] : [name];
      if (patterns.every((pattern) => parseHostPattern(pattern) && pattern !== '_')) {
        return patterns.map((pattern) => pattern.toLowerCase());
      }
      if (name.startsWith('~')) {
        this.#refuse(`${place} ${name}`, 'a host is a name or one with a * at its end, no pattern');
      } else if (name !== '' && name !== '_') {
        this.#refuse(`${place} ${name}`, 'it is not a host name');
      }
      return [];
    });
    if (hosts.length === 0 && names.every((name) => !name.startsWith('~'))) {
      this.#refuse(
        place,
        'its server_name is no host: import the certificate by its file, or set it as ssl_cert_path',
      );
    }
    return [...new Set(hosts)];
  }

  async #withIncludes(directives: readonly Placed[]): Promise<readonly Placed[]> {
    const unfolded: Placed[] = [];
    for (const directive of directives) {
      const [pattern] = directive.args;
      if (directive.name !== 'include' || pattern === undefined) {
        unfolded.push(directive);
        continue;
      }
      const place = placeOf(directive);
      const found = await expandGlob(resolve(this.#prefix, pattern));
      if (found.length === 0 && !/[*?[]/.test(pattern)) this.#refuse(place, 'it is not there');
      for (const file of found) {
        if (directive.files.includes(file)) this.#refuse(place, `${file} includes itself`);
        else {
          const inner = await this.#parse([...directive.files, file]);
          unfolded.push(...(await this.#withIncludes(inner)));
        }
      }
    }
    return unfolded;
  }

  /** @param files the last is read. @throws SourceError */
  async #parse(files: readonly string[]): Promise<readonly Placed[]> {
    const file = files.at(-1) ?? '';
    const size = (await statIfThere(file))?.size ?? 0;
    // Without a loop, too, a few files can include each other without end.
    if (++this.#filesRead > maxFiles) throw new SourceError(`${file}: too many files are included`);
    if (size > maxBytes) throw new SourceError(`${file} has more than ${maxBytes / 1024 ** 2} MiB`);
    const directives = parseNginx(file, await readFile(file, 'utf8'));
    return directives.map((each) => ({ ...each, files }));
  }

  #refuse(what: string, reason: string): void {
    this.refused.push({ what, reason });
  }
}

function placeOf({ files, line }: Placed): string {
  return `${files.at(-1)}:${line}`;
}

function valuesOr(
  directives: readonly Placed[],
  wanted: string,
  inherited: readonly string[],
): readonly string[] {
  const own = directives.flatMap(({ name, args }) => (name === wanted ? args.slice(0, 1) : []));
  return own.length > 0 ? own : inherited;
}

/** What a server inherits counts where it listens for TLS; what it has itself shows that it does. */
function speaksTls(directives: readonly Placed[]): boolean {
  return directives.some(({ name, args }) => {
    if (name === 'ssl_certificate') return true;
    if (name === 'ssl') return args[0] === 'on';
    return name === 'listen' && (args.includes('ssl') || args.includes('quic'));
  });
}

function isComputed(path: string): boolean {
  return path.includes('$') || /^(?:data|engine|store):/.test(path);
}
