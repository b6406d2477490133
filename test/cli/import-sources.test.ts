import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImportPlan } from '../../cli/import/plan-import.js';
import { caddyFolder, certbotFolder, haproxyFile } from '../support/certificate-folders.js';
import { writeNginxConfiguration } from '../support/nginx-configuration.js';
import { OpensslBench } from '../support/openssl.js';
import { boundBy, planned, write, writePair } from '../support/planned-import.js';
import { ScratchDirectory } from '../support/scratch-directory.js';
import { TestCa } from '../support/test-ca.js';

const directory = new ScratchDirectory();
let ca: TestCa;

beforeAll(async () => {
  ca = await TestCa.create();
});
afterAll(() => directory.remove());

function reasons({ refused }: ImportPlan): string {
  return refused.map(({ what, reason }) => `${what}: ${reason}`).join('\n');
}

describe('certbot', () => {
  it('takes what live links to, and tells the format by the layout', async () => {
    const root = directory.path('letsencrypt');
    const [old, current] = [await ca.issue(['a.test'], { days: 5 }), await ca.issue(['a.test'])];
    await certbotFolder(root, 'a.test', current, ca);
    await write(join(root, 'archive/a.test/fullchain0.pem'), old.cert);
    await write(join(root, 'live/README'), 'These are your certificates.');
    for (const path of [root, join(root, 'live')]) {
      const found = await planned(path);
      expect(found).toMatchObject({ format: 'certbot', refused: [] });
      expect(boundBy(found)).toEqual({ 'a.test': current.fingerprint256 });
    }
  });

  it('refuses a link that leads out of its tree, and one that leads nowhere', async () => {
    const root = directory.path('letsencrypt-links');
    const outside = directory.path('elsewhere');
    await writePair(join(outside, 'stolen'), await ca.issue(['stolen.test']));
    await certbotFolder(root, 'good.test', await ca.issue(['good.test']), ca);
    const live = join(root, 'live/stolen.test');
    await mkdir(live);
    await symlink(join(outside, 'stolen.crt'), join(live, 'fullchain.pem'));
    await symlink('../../../elsewhere/stolen.key', join(live, 'privkey.pem'));
    await mkdir(join(root, 'live/gone.test'));
    await symlink('../../archive/gone/fullchain1.pem', join(root, 'live/gone.test/fullchain.pem'));
    const found = await planned(root);
    expect(Object.keys(boundBy(found))).toEqual(['good.test']);
    expect(reasons(found)).toContain('live/stolen.test/privkey.pem: it is a link that leads out');
    expect(reasons(found)).toContain('live/gone.test/privkey.pem: it is not there');
  });
});

describe('Caddy', () => {
  it('takes its storage, wildcards included, and refuses half a pair', async () => {
    const root = directory.path('caddy');
    const wildcard = await ca.issue(['*.wild.test']);
    await caddyFolder(root, 'one.test', await ca.issue(['one.test']));
    await caddyFolder(root, 'wildcard_.wild.test', wildcard);
    await write(
      join(root, 'certificates/acme/half.test/half.test.crt'),
      (await ca.issue(['half.test'])).cert,
    );
    const found = await planned(root);
    expect(found.format).toBe('caddy');
    expect(Object.keys(boundBy(found))).toEqual(['*.wild.test', 'one.test']);
    expect(reasons(found)).toMatch(/half\.test\.key: it is not there/);
  });

  it('takes what its configuration loads: files, folders, texts', async () => {
    const root = directory.path('caddy-json');
    const inline = await ca.issue(['inline.test']);
    await writePair(join(root, 'pairs/file'), await ca.issue(['file.test']));
    await haproxyFile(join(root, 'folder'), 'folder.test', await ca.issue(['folder.test']));
    const certificates = {
      load_files: [{ certificate: 'pairs/file.crt', key: 'pairs/file.key', tags: ['cert0'] }],
      load_folders: ['folder'],
      load_pem: [{ certificate: inline.cert, key: inline.key }],
    };
    const file = await write(
      join(root, 'caddy.json'),
      JSON.stringify({ apps: { http: { servers: {} }, tls: { certificates } } }),
    );
    const found = await planned(file);
    expect(found).toMatchObject({ format: 'caddy', refused: [] });
    expect(Object.keys(boundBy(found))).toEqual(['file.test', 'folder.test', 'inline.test']);
  });

  it('names the way for a Caddyfile', async () => {
    const file = await write(
      join(directory.path('caddyfile'), 'Caddyfile'),
      'a.test {\n\ttls /a.crt /a.key\n}\n',
    );
    await expect(planned(file)).rejects.toThrow(/caddy adapt --config/);
  });
});

describe('nginx', () => {
  it('follows includes and takes the names of each server that speaks TLS', async () => {
    const root = directory.path('nginx');
    const [shop, shared] = [await ca.issue(['shop.test']), await ca.issue(['*.shared.test'])];
    const file = await writeNginxConfiguration(root, { shop, shared });
    for (const path of [root, file]) {
      const found = await planned(path);
      expect(found).toMatchObject({ format: 'nginx', refused: [] });
      expect(boundBy(found)).toEqual({
        'shop.test': shop.fingerprint256,
        'www.shop.test': shop.fingerprint256,
        'shared.test': shared.fingerprint256,
        '*.shared.test': shared.fingerprint256,
      });
    }
  });

  it('says of each server why it can not be taken', async () => {
    const root = directory.path('nginx-faulty');
    const [a, b] = [await ca.issue(['a.test']), await ca.issue(['b.test'])];
    await writePair(join(root, 'a'), a);
    await writePair(join(root, 'b'), b);
    const tls = 'ssl_certificate a.crt; ssl_certificate_key a.key;';
    await write(
      join(root, 'nginx.conf'),
      `http {
       server { listen 443 ssl; server_name _; ${tls} }
       server { listen 443 ssl; server_name ~^www\\d+\\.a\\.test$ a.test; ${tls} }
       server { listen 443 ssl; server_name mixed.test; ssl_certificate a.crt; ssl_certificate_key b.key; }
       server { listen 443 ssl; server_name gone.test; ssl_certificate gone.crt; ssl_certificate_key a.key; }
       server { listen 443 ssl; server_name $ssl.test; ssl_certificate $ssl_server_name.crt; ssl_certificate_key a.key; }
       include missing.conf; include none/*.conf; include nginx.conf;
       }`,
    );
    const found = await planned(root);
    expect(Object.keys(boundBy(found))).toEqual(['a.test']);
    const said = reasons(found);
    expect(said).toMatch(/nginx\.conf:2: its server_name is no host/);
    expect(said).toMatch(/~\^www.*: a host is a name/);
    expect(said).toMatch(/a\.crt: the key in .*b\.key belongs to another certificate/);
    expect(said).toMatch(/gone\.crt: it is not there/);
    expect(said).toMatch(/nginx\.conf:7: it is not there/);
    expect(said).toMatch(/nginx\.conf includes itself/);
  });

  it('tells the place of what is not its language', async () => {
    const file = await write(
      join(directory.path('nginx-broken'), 'nginx.conf'),
      'http {\nserver {',
    );
    await expect(planned(file)).rejects.toThrow(/nginx\.conf:2: a block is not closed/);
  });
});

describe('HAProxy', () => {
  it('takes what each bind names: files, directories, lists, stores', async () => {
    const root = directory.path('haproxy');
    const listed = await ca.issue(['listed.test']);
    await haproxyFile(join(root, 'certs/all'), 'dir.test', await ca.issue(['dir.test']));
    await write(join(root, 'certs/all/dir.test.pem.ocsp'), 'x');
    await writePair(join(root, 'certs/apart'), await ca.issue(['apart.test']));
    await haproxyFile(join(root, 'certs'), 'listed.test', listed);
    await writePair(join(root, 'store/stored'), await ca.issue(['stored.test']));
    await haproxyFile(root, 'upstream', await ca.issue(['client-certificate.test']));
    await write(
      join(root, 'list.txt'),
      'listed.test.pem [alpn h2 ssl-min-ver TLSv1.2] a.listed.test *.b.listed.test !x.b.listed.test\n# none\n',
    );
    await write(
      join(root, 'haproxy.cfg'),
      `global
  crt-base ${join(root, 'certs')}
crt-store web
  crt-base ${join(root, 'store')}
  key-base ${join(root, 'store')}
  load crt "stored.crt" key "stored.key" alias site
frontend https
  bind :443 ssl crt all crt apart.crt alpn h2,http/1.1
  bind :444 ssl crt-list ${join(root, 'list.txt')} crt "\${HOME}/x.pem" # crt commented.pem
  bind :445 ssl crt @web/site
backend b
  server s 10.0.0.1:443 ssl crt ${join(root, 'upstream.pem')}
`,
    );
    const found = await planned(root);
    expect(found.format).toBe('haproxy');
    expect(Object.keys(boundBy(found))).toEqual(
      ['*.b.listed.test', 'a.listed.test', 'apart.test', 'dir.test', 'stored.test'].sort((a, b) =>
        a.localeCompare(b),
      ),
    );
    expect(reasons(found)).toMatch(/list\.txt:1 !x\.b\.listed\.test: a host can be bound/);
    expect(reasons(found)).toMatch(/haproxy\.cfg:9: its path depends on the environment/);
    expect(found.refused).toHaveLength(2);
  });

  it('takes a list or a directory by itself where told so', async () => {
    const root = directory.path('haproxy-plain');
    await haproxyFile(root, 'plain.test', await ca.issue(['plain.test']));
    const list = await write(join(root, 'list.txt'), 'plain.test.pem other.test\n');
    expect(Object.keys(boundBy(await planned(list, 'haproxy')))).toEqual(['other.test']);
    await expect(planned(list)).rejects.toThrow(/--format/);
    expect((await planned(root, 'haproxy')).refused[0]?.what).toBe(list);
  });
});

describe('kong.yml', () => {
  const indented = (pem: string, by: number) => pem.trim().replaceAll('\n', `\n${' '.repeat(by)}`);

  it('brings certificates to the hosts of routes as Kong shows them', async () => {
    const [shop, wild, lonely] = await Promise.all(
      [['shop.test'], ['*.wild.test'], ['lonely.test']].map(([name = '']) => ca.issue([name])),
    );
    if (!shop || !wild || !lonely) throw new Error('no certificates');
    const file = await write(
      join(directory.path('kong'), 'kong.yml'),
      `_format_version: "3.0"
services:
- name: shop
  url: http://10.0.0.1:8080/shop
  routes:
  - { name: shop, hosts: [Shop.test, x.wild.test], protocols: [https], preserve_host: true }
  - { name: bare, hosts: [bare.test] }
- { name: balanced, host: pool, protocol: http }
upstreams: [{ name: pool, targets: [{ target: "10.0.0.2:80" }, { target: "10.0.0.3:80", weight: 20 }, { target: "x:1", weight: 0 }] }]
routes:
- { hosts: [y.wild.test], service: { name: balanced } }
certificates:
- cert: |
    ${indented(shop.cert, 4)}
  key: |
    ${indented(shop.key, 4)}
  snis: [{ name: shop.test }]
- id: 4c0ac0a5-7dd4-4f3a-a0f8-bf2a6b4e7f1e
  cert: |
    ${indented(wild.cert, 4)}
  key: |
    ${indented(wild.key, 4)}
  snis: ["*.wild.test", "*"]
- cert: |
    ${indented(lonely.cert, 4)}
  key: "{vault://env/lonely-key}"
  snis: [{ name: lonely.test }]
`,
    );
    const found = await planned(file);
    expect(found.format).toBe('kong');
    expect(boundBy(found)).toEqual({
      '*.wild.test': wild.fingerprint256,
      'shop.test': shop.fingerprint256,
      'x.wild.test': wild.fingerprint256,
      'y.wild.test': wild.fingerprint256,
    });
    const byHost = new Map(found.uploads.map((upload) => [upload.host, upload]));
    expect(byHost.get('shop.test')).toMatchObject({
      api: { upstream_url: 'http://10.0.0.1:8080/shop', preserve_host: true },
      settings: { only_https: true },
    });
    expect(byHost.get('y.wild.test')).toMatchObject({
      api: {
        upstream_url: 'http://pool',
        upstream_targets: ['10.0.0.2:80 weight=100', '10.0.0.3:80 weight=20'],
      },
      settings: {},
    });
    const said = reasons(found);
    expect(said).toContain('bare.test: no certificate of the file');
    expect(said).toContain('certificates[1]: the SNI * stands for all other names');
    expect(said).toContain('certificates[2].key: it holds no private key');
  });

  it('takes the classic apis with their ssl plugin, as kongfig writes them', async () => {
    const { cert, key, fingerprint256 } = await ca.issue(['classic.test']);
    const config = { cert, key, only_https: true, accept_http_if_already_terminated: true };
    const api = {
      name: 'classic',
      attributes: { upstream_url: 'http://u:1', request_host: 'classic.test', preserve_host: true },
      plugins: [{ name: 'ssl', attributes: { config } }, { name: 'key-auth' }],
    };
    const off = { name: 'off', request_host: 'off.test', upstream_url: 'http://u' };
    const file = await write(
      join(directory.path('kongfig'), 'kong.json'),
      JSON.stringify({
        apis: [api, off],
        plugins: [{ name: 'ssl', api: 'off', enabled: false, config }],
      }),
    );
    const found = await planned(file);
    expect(found.uploads).toEqual([
      expect.objectContaining({
        ...{ host: 'classic.test', fingerprint256 },
        settings: { only_https: true, accept_http_if_already_terminated: true },
        api: { name: 'classic', upstream_url: 'http://u:1', preserve_host: true },
      }),
    ]);
    expect(reasons(found)).toMatch(/apis\[1\]: its ssl plugin is switched off/);
  });

  it('refuses what would unfold without end, and shows nothing of what it could not read', async () => {
    const root = directory.path('kong-hostile');
    const levels = Array.from({ length: 9 }, (_, n) => {
      const aliases = Array.from({ length: 9 }, () => `*l${n}`).join(', ');
      return `l${n + 1}: &l${n + 1} [${aliases}]`;
    });
    const bomb = await write(
      join(root, 'bomb.yml'),
      `l0: &l0 [lol, lol]\n${levels.join('\n')}\napis: *l9\n`,
    );
    await expect(planned(bomb)).rejects.toThrow(/more aliases/);
    const deep = await write(join(root, 'deep.yml'), `apis: ${'['.repeat(200_000)}`);
    await expect(planned(deep)).rejects.toThrow(/deep\.yml/);
    const { key } = await ca.issue(['a.test']);
    const torn = await write(join(root, 'torn.yml'), `apis:\n- key: "${indented(key, 0)}\n`);
    const failure = await planned(torn).then(String, String);
    expect(failure).toMatch(/torn\.yml:\d+:\d+ is not YAML/);
    expect(failure).not.toContain(key.split('\n')[1] ?? key);
  });
});

describe('a directory of anything', () => {
  it('says how many hosts come with an RSA key and what the longest costs', async () => {
    const root = directory.path('rsa');
    const bench = new OpensslBench();
    for (const bits of [2048, 3072]) {
      const key = bench.key('RSA', `rsa_keygen_bits:${bits}`);
      const cert = bench.certificate(key, { names: [`rsa-${bits}.test`] });
      await writePair(join(root, `rsa-${bits}`), { cert, key });
    }
    bench.dispose();
    await writePair(join(root, 'ec'), await ca.issue(['ec.test']));
    expect((await planned(root)).advice).toEqual([
      expect.stringMatching(/^2 of 3 hosts come with an RSA key: .* 3072 bits .* 7 times /),
    ]);
  });

  it('brings together what openssl wrote, whatever the files are called', async () => {
    const openssl = new OpensslBench();
    const root = directory.path('anything');
    try {
      const key = openssl.key('RSA', 'rsa_keygen_bits:2048');
      await write(join(root, 'x/1.txt'), openssl.certificate(key, { names: ['rsa.test'] }));
      await write(join(root, 'y/z/2'), key);
      await write(join(root, 'notes'), 'nothing');
    } finally {
      openssl.dispose();
    }
    const found = await planned(root);
    expect(found).toMatchObject({ format: 'directory', refused: [] });
    expect(found.uploads[0]).toMatchObject({
      host: 'rsa.test',
      key: { name: join(root, 'y/z/2') },
    });
  });

  it('says that a path is not there, or that its format is not known', async () => {
    await expect(planned(directory.path('x').replace(/x$/, 'gone'))).rejects.toThrow(/there is no/);
    const text = await write(join(directory.path('unknown'), 'text'), 'hello\n');
    await expect(planned(text)).rejects.toThrow(/--format/);
    const yaml = await write(join(directory.path('unknown'), 'other.yml'), 'a: 1\n');
    await expect(planned(yaml)).rejects.toThrow(/neither/);
  });
});
