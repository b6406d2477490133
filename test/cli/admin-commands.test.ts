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
      error: 'signet: the control plane has no apis/a.test\n',
    });
  });

  it('change how an API is reached, and take it back', async () => {
    const { url } = await startAdmin();
    const ca = join(await temporaryDirectory(), 'ca.pem');
    const { cert } = await (await TestCa.create()).issue(['u.test']);
    await writeFile(ca, cert);
    const api = async (...argv: string[]) => {
      const { code, out } = await type('api', ...argv, '--json', '--admin', url);
      expect(code).toBe(0);
      return JSON.parse(out);
    };
    const targets = ['10.0.0.1:8080 weight=2', '10.0.0.2:8080'];
    const reach = ['--target', ...targets, '--upstream-ca', ca, '--no-upstream-verify'];
    const added = await api('add', 'https://u.test', '--host', 'a.test', '--strip-path', ...reach);
    const set = {
      upstream_targets: targets,
      upstream_ca: cert.trim(),
      upstream_verify: false,
      strip_request_path: true,
    };
    expect(added).toMatchObject(set);
    expect(await api('update', 'a.test', '--upstream', 'https://v.test')).toEqual({
      ...added,
      upstream_url: 'https://v.test',
    });
    const { upstream_targets: _, upstream_ca: __, ...rest } = added;
    const unset = ['--unset', 'upstream_targets', 'upstream_ca'];
    expect(await api('update', 'a.test', ...unset, '--upstream-verify', '--no-strip-path')).toEqual(
      {
        ...rest,
        upstream_url: 'https://v.test',
        upstream_verify: true,
        strip_request_path: false,
      },
    );
    expect(await type('api', 'update', 'a.test', '--admin', url)).toMatchObject({
      code: 1,
      error: 'signet: empty body\n',
    });
  });

  it('say what an API answers to plain HTTP, and HSTS', async () => {
    const admin = await startAdmin();
    const https = (...argv: string[]) => type('api', 'https', ...argv, '--admin', admin.url);
    await type('api', 'add', 'http://u.test', '--host', 'a.test', '--admin', admin.url);
    expect((await https('a.test', '--only-https')).error).toContain('bind one first');
    await bind(admin, 'bound', 60);
    const hsts = ['--hsts-max-age', '60', '--hsts-include-subdomains', '--hsts-preload'];
    const set = await https('bound', '--only-https', '--redirect', '308', ...hsts, '--json');
    expect(JSON.parse(set.out)).toEqual({
      only_https: true,
      accept_http_if_already_terminated: false,
      https_redirect_status_code: 308,
      hsts_max_age: 60,
      hsts_include_subdomains: true,
      hsts_preload: true,
    });
    const off = ['--unset', 'hsts_max_age', 'hsts_preload', '--no-hsts-include-subdomains'];
    expect((await https('bound', ...off)).code).toBe(0);
    expect((await https('bound')).out).toBe(
      [
        'only_https                         true\n',
        'accept_http_if_already_terminated  false\n',
        'https_redirect_status_code         308\n',
        'hsts_include_subdomains            false\n',
      ].join(''),
    );
    expect((await https('bound', '--redirect', '303')).error).toContain('308');
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
      error: expect.stringContaining('is there already'),
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
