import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AdminClient } from '../support/admin-client.js';
import { builtFile } from '../support/built-file.js';
import { eventually } from '../support/eventually.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { isInstalled } from '../support/is-installed.js';
import { runCommand } from '../support/run-command.js';
import { ScratchDirectory } from '../support/scratch-directory.js';
import { shownLeaf } from '../support/shown-leaf.js';
import { type IssuedCertificate, TestCa } from '../support/test-ca.js';

const operations = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
const section = operations.slice(
  operations.indexOf('## Backup and restore'),
  operations.indexOf('## Upgrade'),
);
const [backup = '', restore = ''] = [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(
  ([, commands]) => commands,
);

/** SQLite's own program, which the documentation copies databases with. */
const hasSqlite = isInstalled('sqlite3');
if (!hasSqlite) console.warn('sqlite3 is not installed: the disaster drill is not run');

describe.runIf(hasSqlite)('the documented backup and restore', { timeout: 120_000 }, () => {
  const directory = new ScratchDirectory();
  const home = directory.path('home');
  const dataDir = directory.path('home/signet-data');
  let gateway: GatewayProcess;
  let certificate: IssuedCertificate;

  const type = (commands: string) => {
    const signet = `signet() { "${process.execPath}" "${builtFile('cli/main.js')}" "$@"; }`;
    return runCommand('bash', ['-euc', `${signet}\n${commands}`], { cwd: home, timeoutMs: 60_000 });
  };
  const start = () => GatewayProcess.start({ dataDir, flags: ['--workers', '1'] });

  beforeAll(async () => {
    certificate = await (await TestCa.create()).issue(['drill.test']);
    gateway = await start();
    const admin = new AdminClient(gateway.adminUrl);
    await admin.addApi('drill', 'drill.test', 'http://127.0.0.1:9');
    expect((await admin.bind('drill', certificate, 'applied')).status).toBe(201);
  }, 60_000);
  afterAll(async () => {
    await gateway.kill();
    await directory.remove();
  });

  it('bring back a gateway that was lost whole, from copies taken while it ran', async () => {
    const { code, stderr } = await type(backup);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await gateway.kill();
    rmSync(dataDir, { recursive: true });
    expect(existsSync(join(home, 'backup/events.sqlite'))).toBe(true);

    const restored = await type(restore);
    expect(restored.code, restored.stderr).toBe(0);
    expect(restored.stdout).toContain('intact up to revision');
    gateway = await start();
    await eventually(async () => {
      expect(await shownLeaf(gateway.tlsPort, 'drill.test')).toBe(certificate.fingerprint256);
    });
  });
});
