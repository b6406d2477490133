import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { run } from '../../cli/program.js';
import { type AdminUnderTest, startAdmin } from '../support/admin-server.js';
import { OpensslBench } from '../support/openssl.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { TestCa } from '../support/test-ca.js';

const noRoles = {
  startControlPlane: () => Promise.reject(new Error('unused')),
  startDataPlane: () => Promise.reject(new Error('unused')),
};

async function type(...argv: string[]) {
  let out = '';
  let error = '';
  process.exitCode = 0;
  const code = await run(argv, noRoles, {
    out: (text) => {
      out += text;
    },
    error: (text) => {
      error += text;
    },
  });
  process.exitCode = 0;
  return { code, out, error };
}

async function bind(admin: AdminUnderTest, name: string, days: number): Promise<void> {
  const host = `${name}.test`;
  const { cert, key } = await (await TestCa.create()).issue([host], { days });
  await admin.send('POST', '/apis', { name, request_host: host, upstream_url: 'http://u.test' });
  await admin.send('POST', `/apis/${name}/plugins`, { name: 'ssl', config: { cert, key } });
}

describe('commands that speak to the admin API', () => {
  it('add, list, show and remove APIs', async () => {
    const { url } = await startAdmin();
    const added = await type('api', 'add', 'http://u.test', '--host', 'a.test', '--admin', url);
    expect(added).toMatchObject({ code: 0, out: 'added a.test\n' });
    const listed = await type('api', 'list', '--json', '--admin', url);
    expect(JSON.parse(listed.out)).toMatchObject([{ name: 'a.test', request_host: 'a.test' }]);
    expect((await type('api', 'show', 'a.test', '--admin', url)).out).toContain('http://u.test');
    expect((await type('api', 'remove', 'a.test', '--admin', url)).code).toBe(0);
    expect(await type('api', 'show', 'a.test', '--admin', url)).toMatchObject({
      code: 1,
      error: 'signet: Not found\n',
    });
  });

  it("tell the admin API's own reasons", async () => {
    const { url } = await startAdmin();
    const { code, error } = await type('api', 'add', 'nonsense', '--admin', url);
    expect(code).toBe(1);
    expect(error).toContain('upstream_url: upstream_url is not a url');
    expect(error).toContain("At least a 'request_host' or a 'request_path' must be specified");
  });

  it('list certificates by expiry', async () => {
    const admin = await startAdmin();
    await bind(admin, 'later', 60);
    await bind(admin, 'soon', 5);
    const all = await type('cert', 'list', '--json', '--admin', admin.url);
    expect(JSON.parse(all.out).map(({ host }: { host: string }) => host)).toEqual([
      'soon.test',
      'later.test',
    ]);
    const soon = await type('cert', 'list', '--expiring', '30d', '--admin', admin.url);
    expect(soon.out).toContain('soon.test');
    expect(soon.out).not.toContain('later.test');
  });

  it('read the token from a file and never print it', async () => {
    const directory = await temporaryDirectory();
    const file = join(directory, 'token');
    await writeFile(file, 'c2VjcmV0\n');
    let seen: string | undefined;
    const { url } = await startAdmin({
      identify: (request) => {
        seen = request.headers.authorization;
        return 'tester';
      },
    });
    await type(
      'api',
      'add',
      'http://u.test',
      '--host',
      'a.test',
      '--admin',
      url,
      '--token-file',
      file,
    );
    expect(seen).toBe('Bearer c2VjcmV0');
    const { error } = await type('status', '--admin', 'http://127.0.0.1:1', '--token-file', file);
    expect(error).toContain("start one with 'signet start'");
    expect(error).not.toContain('c2VjcmV0');
  });
});

describe('cert', () => {
  it('self-signed makes a pair that cert check takes, the key for its owner alone', async () => {
    const directory = await temporaryDirectory();
    const [cert, key] = [join(directory, 'a.test.pem'), join(directory, 'a.test.key')];
    expect((await type('cert', 'self-signed', 'a.test', '--out', directory)).code).toBe(0);
    expect((await stat(key)).mode & 0o777).toBe(0o600);
    expect((await type('cert', 'check', cert, key, '--host', 'a.test')).out).toMatch(
      /^good: a.test/,
    );
    expect(await type('cert', 'self-signed', 'a.test', '--out', directory)).toMatchObject({
      code: 1,
      error: expect.stringContaining('EEXIST'),
    });
  });

  it('check says why an upload would be refused', async () => {
    const directory = await temporaryDirectory();
    const ca = await TestCa.create();
    const [one, other] = [await ca.issue(['a.test']), await ca.issue(['a.test'])];
    const both = join(directory, 'both.pem');
    await writeFile(both, `${one.cert}\n${other.key}`);
    await chmod(both, 0o600);
    const { code, out } = await type('cert', 'check', both);
    expect(code).toBe(1);
    expect(out).toContain('it does not belong to the certificate');
    await writeFile(both, `${one.key}\n${one.cert}\n`);
    expect((await type('cert', 'check', both)).code).toBe(0);
    expect(out).not.toContain((await readFile(both, 'utf8')).slice(60, 90));
  });

  it('check says what an RSA key costs in every handshake, and nothing of other keys', async () => {
    const directory = await temporaryDirectory();
    const bench = new OpensslBench();
    onTestFinished(() => bench.dispose());
    const pair = join(directory, 'pair.pem');
    for (const [algorithm, option, expected] of [
      [
        'RSA',
        'rsa_keygen_bits:2048',
        /^advice: .* RSA key of 2048 bits .* 3 times .* prefer P-256$/m,
      ],
      ['RSA', 'rsa_keygen_bits:4096', /^advice: .* RSA key of 4096 bits .* 17 times /m],
      ['EC', 'ec_paramgen_curve:P-256', /^good: /],
    ] as const) {
      const key = bench.key(algorithm, option);
      await writeFile(pair, `${key}${bench.certificate(key)}`, { mode: 0o600 });
      expect(await type('cert', 'check', pair)).toMatchObject({
        code: 0,
        out: expect.stringMatching(expected),
      });
    }
  });
});
