import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { haproxyFile } from '../support/certificate-folders.js';
import { isInstalled } from '../support/is-installed.js';
import { writeNginxConfiguration } from '../support/nginx-configuration.js';
import { boundBy, planned, write, writePair } from '../support/planned-import.js';
import { succeed } from '../support/run-command.js';
import { ScratchDirectory } from '../support/scratch-directory.js';
import { TestCa } from '../support/test-ca.js';

const directory = new ScratchDirectory();
let ca: TestCa;

beforeAll(async () => {
  ca = await TestCa.create();
});
afterAll(() => directory.remove());

describe('what a server itself takes for its configuration is imported whole', () => {
  it.skipIf(!isInstalled('haproxy'))('HAProxy (needs haproxy)', async () => {
    const root = directory.path('haproxy');
    const certs = join(root, 'certs');
    const [apart, listed] = [await ca.issue(['apart.test']), await ca.issue(['listed.test'])];
    await haproxyFile(join(certs, 'all'), 'one.test', await ca.issue(['one.test']));
    await haproxyFile(join(certs, 'all'), 'two.test', await ca.issue(['two.test', '*.two.test']));
    await write(join(certs, 'apart.pem'), apart.cert);
    await write(join(certs, 'apart.pem.key'), apart.key);
    await haproxyFile(certs, 'listed.test', listed);
    await haproxyFile(certs, 'client', await ca.issue(['client.test']));
    await write(
      join(root, 'list.txt'),
      `# the shop\nlisted.test.pem [alpn h2 ssl-min-ver TLSv1.2] a.listed.test *.b.listed.test\n`,
    );
    const file = await write(
      join(root, 'haproxy.cfg'),
      `global
  crt-base ${certs}
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend https
  bind :443 ssl crt all crt apart.pem alpn h2,http/1.1
  bind 127.0.0.1:444 name "by list" ssl crt-list ${join(root, 'list.txt')}
  default_backend shop
backend shop
  server one 10.0.0.1:443 ssl verify none crt ${join(certs, 'client.pem')}
`,
    );
    await succeed('haproxy', ['-c', '-q', '-f', file]);
    const found = await planned(file);
    expect(found).toMatchObject({ format: 'haproxy', refused: [] });
    expect(Object.keys(boundBy(found))).toEqual([
      ...['*.b.listed.test', '*.two.test', 'a.listed.test', 'apart.test', 'one.test', 'two.test'],
    ]);
    expect(boundBy(found)).toMatchObject({
      'apart.test': apart.fingerprint256,
      'a.listed.test': listed.fingerprint256,
    });
  });

  it.skipIf(!isInstalled('nginx'))('nginx (needs nginx)', async () => {
    const root = directory.path('nginx');
    const [shop, shared] = [await ca.issue(['shop.test']), await ca.issue(['*.shared.test'])];
    const file = await writeNginxConfiguration(root, { shop, shared });
    await succeed('nginx', ['-t', '-q', '-p', root, '-c', file]);
    // What is made of it is looked at where no nginx is needed.
    expect(await planned(file)).toMatchObject({ format: 'nginx', refused: [] });
  });

  it.skipIf(!isInstalled('caddy'))('Caddy (needs caddy)', async () => {
    const root = directory.path('caddy');
    const shop = await ca.issue(['shop.test']);
    await writePair(join(root, 'pairs/shop'), shop);
    await haproxyFile(join(root, 'folder'), 'folder.test', await ca.issue(['folder.test']));
    const caddyfile = await write(
      join(root, 'Caddyfile'),
      `{
	admin off
}
shop.test {
	tls ${root}/pairs/shop.crt ${root}/pairs/shop.key
	reverse_proxy 10.0.0.1:8080
}
folder.test {
	tls {
		load ${root}/folder
	}
	respond ok
}
`,
    );
    const env = { ...process.env, XDG_DATA_HOME: root, XDG_CONFIG_HOME: root };
    const adapted = await succeed('caddy', ['adapt', '--config', caddyfile], { env });
    const file = await write(join(root, 'caddy.json'), adapted);
    await succeed('caddy', ['validate', '--config', file], { env });
    const found = await planned(file);
    expect(found).toMatchObject({ format: 'caddy', refused: [] });
    expect(Object.keys(boundBy(found))).toEqual(['folder.test', 'shop.test']);
    expect(await readFile(file, 'utf8')).toContain('load_folders');
  });
});
