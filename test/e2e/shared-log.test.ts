import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { joinCluster } from '../../data-plane/snapshot/join-cluster.js';
import { type AdminAnswer, AdminClient, idOf } from '../support/admin-client.js';
import { EventStoreDouble } from '../support/eventstore-double.js';
import { eventually } from '../support/eventually.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { ScratchDirectory } from '../support/scratch-directory.js';
import { shownLeaf } from '../support/shown-leaf.js';
import { TestCa } from '../support/test-ca.js';

it('two control planes on one EventStoreDB log write at once, serve the same, and survive a cut', {
  timeout: 120_000,
}, async () => {
  const double = await EventStoreDouble.start();
  onTestFinished(() => double.stop());
  const directory = new ScratchDirectory();
  onTestFinished(() => directory.remove());
  const masterKey = join(directory.path('shared'), 'master.key');
  await writeFile(masterKey, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  const start = async (name: string) => {
    const gateway = await GatewayProcess.start({
      dataDir: directory.path(name),
      flags: [
        ...['--workers', '1', '--master-key', `file:${masterKey}`],
        ...['--cluster-ca-dir', directory.path('shared')],
      ],
      env: { SIGNET_EVENT_LOG: double.connectionString },
    });
    onTestFinished(() => gateway.kill());
    return gateway;
  };
  const gateways = [await start('one'), await start('two')] as const;
  const admins = gateways.map((gateway) => new AdminClient(gateway.adminUrl));
  const ca = await TestCa.create();

  const uploads = await Promise.all(
    Array.from({ length: 8 }, async (_, n) => {
      const [host, admin] = [`shared-${n}.test`, admins[n % 2]];
      const certificate = await ca.issue([host]);
      await admin?.addApi(host, host, 'http://127.0.0.1:9');
      const bound = await admin?.bind(host, certificate);
      return { host, certificate, bound };
    }),
  );
  const servedByBoth = (host: string, fingerprint256: string) =>
    eventually(
      async () => {
        for (const { tlsPort } of gateways) {
          expect(await shownLeaf(tlsPort, host)).toBe(fingerprint256);
        }
      },
      { withinMs: 20_000, everyMs: 50 },
    );
  for (const { host, certificate, bound } of uploads) {
    expect(bound?.status).toBe(201);
    await servedByBoth(host, certificate.fingerprint256);
  }

  // The next append kills the server after the write: found by its ids, not written twice.
  let isSpent = false;
  double.faults = {
    append() {
      if (isSpent) return undefined;
      isSpent = true;
      return { kind: 'kill', written: true };
    },
  };
  const [first] = uploads;
  if (first?.bound === undefined) throw new Error('eight uploads');
  const next = await ca.issue([first.host]);
  const rebound = await admins[1]?.rebind(first.host, idOf(first.bound), next);
  expect(rebound?.status).toBe(200);
  await servedByBoth(first.host, next.fingerprint256);
  const plugins = (await admins[0]?.send('GET', '/plugins?size=100'))?.body;
  expect(plugins).toMatchObject({ total: 8 });

  // A join token is good at either of them, once.
  const [here, there] = gateways.map(({ adminUrl }) => new AdminClient(adminUrl));
  const token = textOf(
    await here?.send('POST', '/nodes/join-tokens', new URLSearchParams()),
    'token',
  );
  const joinAt = (port: number, name: string) =>
    joinCluster({
      token,
      dataDirectory: directory.path(name),
      addresses: [{ host: '127.0.0.1', port }],
      nodeName: name,
    });
  await joinAt(gateways[1].nodePort, 'third');
  await expect(joinAt(gateways[0].nodePort, 'fourth')).rejects.toThrow('not valid');
  await eventually(async () => {
    const nodes = (await here?.send('GET', '/nodes'))?.body;
    expect(nodes).toMatchObject({ total: 3 });
  });

  // The first credential, made at one, ends the development mode of both; so does its end.
  const made = await here?.send(
    'POST',
    '/tokens',
    new URLSearchParams({ name: 'ops', scopes: 'admin' }),
  );
  const operator = new AdminClient(gateways[1].adminUrl, textOf(made, 'token'));
  await eventually(async () => {
    expect((await there?.send('GET', '/apis'))?.status).toBe(401);
    expect((await operator.send('GET', '/apis')).status).toBe(200);
  });
  expect((await operator.send('DELETE', `/tokens/${textOf(made, 'id')}`)).status).toBe(204);
  expect((await operator.send('GET', '/apis')).status).toBe(401);
  const atTheOther = new AdminClient(gateways[0].adminUrl, textOf(made, 'token'));
  await eventually(async () => expect((await atTheOther.send('GET', '/apis')).status).toBe(401));

  for (const gateway of gateways) expect(await gateway.stop()).toBe(0);
});

function textOf(answer: AdminAnswer | undefined, field: string): string {
  const { body } = answer ?? {};
  const value = typeof body === 'object' && body !== null && Reflect.get(body, field);
  return typeof value === 'string' ? value : expect.fail(`no ${field} in ${JSON.stringify(body)}`);
}
