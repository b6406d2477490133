import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { GatewayProcess } from '../support/gateway-process.js';
import { OpensslBench } from '../support/openssl.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const bench = new OpensslBench();
afterAll(() => bench.dispose());

async function startControlPlane(dataDir: string, flags: readonly string[] = []) {
  const gateway = await GatewayProcess.start({ command: 'control-plane', dataDir, flags });
  onTestFinished(() => gateway.kill());
  return gateway;
}

it('off loopback the gateway does not start without TLS, and says how to mend it', async () => {
  const start = startControlPlane(await temporaryDirectory(), ['--admin-api-listen', '0.0.0.0:0']);
  await expect(start).rejects.toThrow('set admin_ssl_cert_path and admin_ssl_key_path');
});

it('on loopback it says that everybody on the machine may change everything', async () => {
  const gateway = await startControlPlane(await temporaryDirectory());
  expect(gateway.log).toContain('development mode');
  expect((await fetch(`${gateway.adminUrl}/apis`)).status).toBe(200);
});

it('all in one, it says why its node did not start', async () => {
  const dataDir = await temporaryDirectory();
  const flags = ['--ssl-cert-path', 'gone.pem', '--ssl-key-path', 'gone.key'];
  const start = GatewayProcess.start({ dataDir, flags });
  await expect(start).rejects.toThrow(
    'the default certificate (gone.pem) cannot be used: there is no such file',
  );
});

it('a data directory is for one process, and free again once that is killed', async () => {
  const dataDir = await temporaryDirectory();
  const first = await startControlPlane(dataDir);
  await expect(startControlPlane(dataDir)).rejects.toThrow('SIGNET_DATA_DIRECTORY_IN_USE');
  await first.kill();
  await startControlPlane(dataDir);
});

it('the first token lies in a file for its owner alone, once, and in no output', async () => {
  const dataDir = await temporaryDirectory();
  const key = bench.key('EC', 'ec_paramgen_curve:P-256');
  writeFileSync(join(dataDir, 'admin.pem'), bench.certificate(key));
  writeFileSync(join(dataDir, 'admin.key'), key, { mode: 0o600 });
  const flags = ['--admin-ssl-cert-path', 'admin.pem', '--admin-ssl-key-path', 'admin.key'];
  const gateway = await startControlPlane(dataDir, flags);
  const path = join(dataDir, 'first-admin-token');
  const token = readFileSync(path, 'utf8').trim();
  expect(token).toMatch(/^sgt_/);
  expect(statSync(path).mode & 0o077).toBe(0);
  expect(gateway.log).toContain(path);
  expect(gateway.log).not.toContain(token.slice(-43));
  await gateway.stop();

  const again = await startControlPlane(dataDir, flags);
  expect(again.log).not.toContain('first-admin-token');
  expect(readFileSync(path, 'utf8').trim()).toBe(token);
});
