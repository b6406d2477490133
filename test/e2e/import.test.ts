import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AdminClient } from '../support/admin-client.js';
import { builtFile } from '../support/built-file.js';
import { caddyFolder, certbotFolder, haproxyFile } from '../support/certificate-folders.js';
import { eventually } from '../support/eventually.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { runCommand } from '../support/run-command.js';
import { ScratchDirectory } from '../support/scratch-directory.js';
import { shownLeaf } from '../support/shown-leaf.js';
import { TestCa } from '../support/test-ca.js';

const signet = builtFile('cli/main.js');

describe('signet import', { timeout: 120_000 }, () => {
  const directory = new ScratchDirectory();
  let gateway: GatewayProcess;
  let ca: TestCa;

  const startGateway = () =>
    GatewayProcess.start({ dataDir: directory.path('data'), flags: ['--workers', '1'] });

  beforeAll(async () => {
    ca = await TestCa.create();
    gateway = await startGateway();
  });
  afterAll(async () => {
    await gateway.kill();
    await directory.remove();
  });

  const type = async (...args: readonly string[]) => {
    const command = ['import', ...args, '--json', '--admin', gateway.adminUrl];
    const { code, stdout, stderr } = await runCommand(process.execPath, [signet, ...command], {
      timeoutMs: 60_000,
    });
    expect(stderr).not.toContain('PRIVATE KEY');
    return { code, report: JSON.parse(stdout) };
  };
  const upstream = ['--upstream', 'http://127.0.0.1:9'];

  it('finds pairs by the key, whatever keeps them, and serves them all', async () => {
    const root = directory.path('mixed');
    const hosts = new Map<string, string>();
    const issue = async (host: string) => {
      const certificate = await ca.issue([host]);
      hosts.set(host, certificate.fingerprint256);
      return certificate;
    };
    await certbotFolder(join(root, 'letsencrypt'), 'certbot.test', await issue('certbot.test'), ca);
    await haproxyFile(join(root, 'haproxy'), 'haproxy.test', await issue('haproxy.test'));
    await caddyFolder(join(root, 'caddy'), 'caddy.test', await issue('caddy.test'));

    const dry = await type(root, ...upstream, '--dry-run');
    expect(dry).toMatchObject({ code: 0, report: { added: 3, refused: [] } });
    expect(await shownLeaf(gateway.tlsPort, 'caddy.test')).not.toBe(hosts.get('caddy.test'));

    expect(await type(root, ...upstream)).toMatchObject({ code: 0, report: { added: 3, left: 0 } });
    for (const [host, fingerprint] of hosts) {
      await eventually(async () => {
        expect(await shownLeaf(gateway.tlsPort, host)).toBe(fingerprint);
      });
    }
    expect((await type(root, ...upstream)).report).toMatchObject({ added: 0, unchanged: 3 });

    const renewed = await ca.issue(['haproxy.test'], { days: 29 });
    await haproxyFile(join(root, 'renewed'), 'haproxy.test', renewed);
    expect((await type(root, ...upstream)).report).toMatchObject({ replaced: 1, unchanged: 2 });
  });

  it('takes kong.yml with the APIs that it describes', async () => {
    const { cert, key, fingerprint256 } = await ca.issue(['kong.test']);
    const file = join(directory.path('kong'), 'kong.yml');
    const service = { name: 's', host: 'pool', path: '/s' };
    const upstreams = [{ name: 'pool', targets: [{ target: '127.0.0.1:9', weight: 7 }] }];
    const routes = [{ hosts: ['kong.test'], protocols: ['https'] }];
    const certificates = [{ cert, key, snis: [{ name: 'kong.test' }] }];
    // JSON is YAML.
    await writeFile(
      file,
      JSON.stringify({ services: [{ ...service, routes }], certificates, upstreams }),
    );
    expect(await type(file)).toMatchObject({ code: 0, report: { format: 'kong', added: 1 } });
    await eventually(async () => {
      expect(await shownLeaf(gateway.tlsPort, 'kong.test')).toBe(fingerprint256);
    });
    const { body } = await new AdminClient(gateway.adminUrl).send(
      ...(['GET', '/apis?request_host=kong.test'] as const),
    );
    expect(body).toMatchObject({
      data: [{ upstream_url: 'http://pool/s', upstream_targets: ['127.0.0.1:9 weight=7'] }],
    });
    expect((await type(file)).report).toMatchObject({ unchanged: 1, refused: [] });
  });

  it('says which files and hosts it refused, and why', async () => {
    const root = directory.path('faulty');
    const [expired, lonely] = [
      await ca.issue(['old.test'], { days: -0.5 }),
      await ca.issue(['b.test']),
    ];
    await haproxyFile(root, 'old.test', expired);
    await writeFile(join(root, 'lonely.pem'), lonely.cert);
    await writeFile(join(root, 'broken.key'), lonely.key.replace(/\n[^-]{10}/, '\n!!!!!!!!!!'));
    await haproxyFile(root, 'no-api.test', await ca.issue(['no-api.test']));
    const { code, report } = await type(root);
    expect(code).toBe(1);
    const reasons = new Map(
      report.refused.map(({ what, reason }: { what: string; reason: string }) => [
        what.replace(`${root}/`, ''),
        reason,
      ]),
    );
    expect(reasons.get('old.test.pem')).toContain('expired');
    expect(reasons.get('lonely.pem')).toContain('its key is not there');
    expect(reasons.has('broken.key')).toBe(true);
    expect(reasons.get('no-api.test')).toContain('--upstream');
  });

  it.each(['import', 'gateway'])(
    'goes on where the %s was killed, to the very same result',
    async (victim) => {
      const count = 300;
      const root = directory.path(victim);
      const fingerprints = new Set<string>();
      for (let index = 0; index < count; index++) {
        const host = `${victim}-${index}.test`;
        const certificate = await ca.issue([host]);
        fingerprints.add(certificate.fingerprint256);
        await haproxyFile(root, host, certificate);
      }
      const admin = new AdminClient(gateway.adminUrl);
      const total = async () => {
        const { body } = await admin.send('GET', '/plugins?size=1');
        return (body as { readonly total: number }).total;
      };
      const before = await total();
      const child = spawn(process.execPath, [
        ...[signet, 'import', root, ...upstream, '--admin', gateway.adminUrl],
      ]);
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      await eventually(async () => expect(await total()).toBeGreaterThan(before), {
        withinMs: 20_000,
      });
      if (victim === 'import') {
        child.kill('SIGKILL');
        await ended;
      } else {
        await gateway.kill();
        await ended;
        expect(child.exitCode).not.toBe(0);
        gateway = await startGateway();
      }

      const { report } = await type(root, ...upstream);
      expect(report).toMatchObject({ refused: [], left: 0 });
      expect(report.added + report.unchanged).toBe(count);
      const listed = await runCommand(process.execPath, [
        ...[signet, 'cert', 'list', '--json', '--admin', gateway.adminUrl],
      ]);
      const bound = JSON.parse(listed.stdout).filter(({ host }: { host: string }) =>
        host.startsWith(victim),
      );
      expect(bound).toHaveLength(count);
      expect(
        new Set(bound.map(({ fingerprint256 }: { fingerprint256: string }) => fingerprint256)),
      ).toEqual(fingerprints);
    },
  );
});
