import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kernelAdvice } from '../../data-plane/kernel-settings.js';
import { BloomFilter } from '../../data-plane/listener/bloom-filter.js';
import { connectionsPerWorker } from '../../data-plane/listener/connection-limit.js';
import { parseContextName } from '../../data-plane/listener/context-name.js';
import { KeyFile } from '../../data-plane/listener/key-file.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

describe('connectionsPerWorker', () => {
  it('leaves each client a descriptor for its upstream', () => {
    expect(connectionsPerWorker(65_536, 2)).toBe(16_320);
    expect(connectionsPerWorker(Number.POSITIVE_INFINITY, 2)).toBe(Number.POSITIVE_INFINITY);
    expect(connectionsPerWorker(64, 8)).toBeGreaterThan(0);
  });
});

describe('BloomFilter', () => {
  it('is never wrong about a name that it was given', () => {
    fc.assert(
      fc.property(fc.array(fc.domain(), { maxLength: 200 }), (names) => {
        const filter = new BloomFilter(1 << 10);
        for (const name of names) filter.add(name);
        return names.every((name) => filter.mayHave(name));
      }),
    );
  });

  it('says yes to few others until it is full', () => {
    const filter = new BloomFilter();
    expect(filter.isEmpty).toBe(true);
    for (let n = 0; !filter.isFull; n += 1) filter.add(`host-${n}.test`);
    const others = Array.from({ length: 10_000 }, (_, n) => `other-${n}.test`);
    const wrong = others.filter((name) => filter.mayHave(name)).length;
    expect(wrong / others.length).toBeLessThan(0.05);
  });
});

describe('parseContextName', () => {
  it('takes names in any case, with and without the dot of the root', () => {
    expect(parseContextName('a.test')).toEqual({ host: 'a.test', spelling: 'a.test' });
    expect(parseContextName('A.Test.')).toEqual({ host: 'a.test', spelling: 'A.Test' });
    expect(parseContextName('xn--bcher-kva.test')?.host).toBe('xn--bcher-kva.test');
  });

  it('takes nothing that the engine or a store would read as something else', () => {
    const refused = ['', '.', '*.test', 'a..test', '127.0.0.1', '::1', '../../x', 'a b.test'];
    const tooManyLabels = Array.from({ length: 11 }, () => 'a').join('.');
    for (const sni of [...refused, 'ü.test', 'a\n.test', tooManyLabels]) {
      expect(parseContextName(sni)).toBeUndefined();
    }
  });
});

describe('KeyFile', () => {
  it('shows a pair for the length of a call, in a file without a name', () => {
    const file = new KeyFile();
    let path = '';
    const read = file.expose('first pair, a long one', (shown) => {
      path = shown;
      return readFileSync(shown, 'utf8');
    });
    expect(read).toBe('first pair, a long one');
    expect(file.expose('second', (shown) => readFileSync(shown, 'utf8'))).toBe('second');
    if (file.isUnnamed) expect(readFileSync(path, 'utf8')).toBe('');
    file.close();
  });

  it('uses a private file, gone before the call returns, where there are no unnamed ones', async () => {
    const directory = await temporaryDirectory();
    const file = new KeyFile('/nowhere', directory);
    expect(file.isUnnamed).toBe(false);
    let path = '';
    file.expose('pair', (shown) => {
      path = shown;
      expect(readFileSync(shown, 'utf8')).toBe('pair');
      expect(statSync(shown).mode & 0o777).toBe(0o600);
      expect(statSync(dirname(shown)).mode & 0o777).toBe(0o700);
    });
    expect(existsSync(path)).toBe(false);
    expect(() =>
      file.expose('pair', () => {
        throw new Error('from the engine');
      }),
    ).toThrow('from the engine');
    expect(readdirSync(dirname(path))).toEqual([]);
    file.close();
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('kernelAdvice', () => {
  const files: Record<string, string> = {
    '/proc/sys/net/ipv4/tcp_rmem': '4096\t131072\t6291456\n',
    '/proc/sys/net/ipv4/tcp_notsent_lowat': '4294967295\n',
    '/proc/sys/net/core/somaxconn': '4096\n',
    '/proc/sys/net/ipv4/tcp_migrate_req': '0\n',
    '/proc/self/limits':
      'Max open files            1024                 524288               files\n',
  };
  const read = (path: string) => {
    const text = files[path];
    if (text === undefined) throw new Error('ENOENT');
    return text;
  };

  it('names what is not set as it should be', () => {
    const settings = kernelAdvice(true, read).map(({ setting, is }) => [setting, is]);
    expect(settings).toEqual([
      ['net.ipv4.tcp_rmem (max)', 6_291_456],
      ['net.ipv4.tcp_notsent_lowat', 4_294_967_295],
      ['net.ipv4.tcp_migrate_req', 0],
    ]);
    expect(kernelAdvice(false, read)).toHaveLength(2);
  });

  it('says nothing where nothing can be read', () => {
    const fail = () => {
      throw new Error('ENOENT');
    };
    expect(kernelAdvice(true, fail)).toEqual([]);
  });
});
