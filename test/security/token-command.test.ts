import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { run } from '../../cli/program.js';
import { table } from '../../cli/table.js';
import { openAdminAccess } from '../../control-plane/access/admin-access.js';
import { startAdmin } from '../support/admin-server.js';
import { silentLogger } from '../support/control-plane.js';
import { openGrants } from '../support/grants.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const noRoles = {
  startControlPlane: () => Promise.reject(new Error('unused')),
  startDataPlane: () => Promise.reject(new Error('unused')),
};

async function type(argv: readonly string[], token?: string) {
  let out = '';
  let error = '';
  const before = process.env['SIGNET_TOKEN'];
  if (token !== undefined) process.env['SIGNET_TOKEN'] = token;
  process.exitCode = 0;
  const io = {
    out: (text: string) => {
      out += text;
    },
    error: (text: string) => {
      error += text;
    },
  };
  const code = await run(argv, noRoles, io);
  process.exitCode = 0;
  if (before === undefined) delete process.env['SIGNET_TOKEN'];
  else process.env['SIGNET_TOKEN'] = before;
  return { code, out, error };
}

async function startGuarded() {
  const dataDir = await temporaryDirectory();
  const access = await openAdminAccess({
    grantLog: await openGrants(dataDir),
    listen: { host: '127.0.0.1', port: 8001 },
    tlsFiles: undefined,
    requestHostOf: () => undefined,
    clock: Date.now,
    logger: silentLogger,
  });
  const admin = await startAdmin({ ...access.callers, extensions: [access.extend] });
  onTestFinished(() => admin.close());
  return { dataDir, url: admin.url };
}

it('signet token makes, lists and revokes tokens', async () => {
  const { url } = await startGuarded();
  const made = await type(['token', 'create', 'ops', '--scope', 'admin', '--admin', url]);
  expect(made.code).toBe(0);
  const token = made.out.trim();
  expect(token).toMatch(/^sgt_/);

  expect((await type(['token', 'list', '--admin', url])).error).toContain('A token is needed');
  const create = ['token', 'create', 'ci', '--scope', 'read', 'events', '--expires', '30d'];
  const ci = (await type([...create, '--admin', url], token)).out.trim();
  const listed = await type(['token', 'list', '--admin', url], token);
  expect(listed.out).toContain('read events');
  expect(listed.out).not.toContain(ci.slice(-43));
  expect((await type(['token', 'revoke', 'ci', '--admin', url], token)).out).toBe('revoked ci\n');
  expect((await type(['api', 'list', '--admin', url], ci)).error).toContain("'ci' is revoked");
  expect((await type(['api', 'list', '--admin', url], `${token}x`)).error).toBe(
    'signet: The token is unknown or expired: give another token with --token-file or SIGNET_TOKEN\n',
  );
});

it('signet token create --offline is the way back in', async () => {
  const { url, dataDir } = await startGuarded();
  await type(['token', 'create', 'lost', '--scope', 'admin', '--admin', url]);
  const made = await type(['token', 'create', 'back', '--scope', 'admin', '--offline', dataDir]);
  // The running gateway hears of another process's writes in a fraction of a second; rarely enough
  // asked that a token it does not know yet is not taken for guessing.
  const usable = async () => (await type(['token', 'list', '--admin', url], made.out.trim())).code;
  await expect.poll(usable, { interval: 300, timeout: 5_000 }).toBe(0);
  const elsewhere = ['token', 'create', 'x', '--scope', 'admin', '--offline', join(dataDir, 'no')];
  expect((await type(elsewhere)).error).toContain('is this the data directory?');
});

it('signet sends no token in the clear to another machine', async () => {
  const { code, error } = await type(
    ['token', 'list', '--admin', 'http://192.0.2.1:8001'],
    'sgt_x',
  );
  expect(code).toBe(1);
  expect(error).toContain('would travel in the clear');
  expect(error).not.toContain('sgt_x');
});

it('signet waits where the control plane asks for patience', async () => {
  let asked = 0;
  const server = createServer((_request, response) => {
    asked += 1;
    if (asked === 1) response.writeHead(429, { 'retry-after': '1' }).end('{}');
    else response.writeHead(200).end('{"data":[],"total":0}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const { code } = await type(['token', 'list', '--admin', `http://127.0.0.1:${port}`]);
  expect([code, asked]).toEqual([0, 2]);
});

it('signet prints no control characters of others to the terminal', () => {
  const printed = table(['name'], [['\u001b]0;owned\u0007 \u202etset']]);
  expect(printed).toBe('name\n\ufffd]0;owned\ufffd \ufffdtset\n');
});
