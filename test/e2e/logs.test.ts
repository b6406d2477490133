import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { AdminClient } from '../support/admin-client.js';
import { curl } from '../support/curl.js';
import { eventually } from '../support/eventually.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { ScratchDirectory } from '../support/scratch-directory.js';

type Line = Readonly<Record<string, unknown>>;

describe('the log', { timeout: 60_000 }, () => {
  const directory = new ScratchDirectory();
  const server = createServer();
  const echo = new WebSocketServer({ server });
  let gateway: GatewayProcess;

  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    gateway = await GatewayProcess.start({
      dataDir: directory.path('data'),
      flags: ['--workers', '1'],
    });
    const { port } = server.address() as AddressInfo; // TCP
    await new AdminClient(gateway.adminUrl).addApi('a', 'a.test', `http://127.0.0.1:${port}`);
  }, 60_000);
  afterAll(async () => {
    await gateway.kill();
    echo.close();
    server.close();
    await directory.remove();
  });

  const lines = (): readonly Line[] =>
    gateway.log
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  const refused = () => lines().filter(({ msg }) => msg === 'request refused');
  const provoke = () => curl('-H', 'Host: a b', `http://127.0.0.1:${gateway.httpPort}/`);

  it('reaches debug in every process while they run, and goes back', async () => {
    await provoke();
    process.kill(gateway.pid, 'SIGUSR2');
    await eventually(async () => {
      await provoke();
      expect(refused().at(-1)).toMatchObject({ level: 'debug', reason: 'malformed Host' });
    });
    expect(refused().at(-1)?.['role']).toMatch(/^worker /);
    process.kill(gateway.pid, 'SIGUSR2');
    await eventually(async () => {
      const before = refused().length;
      await provoke();
      await provoke();
      expect(refused()).toHaveLength(before);
    });
  });

  it('takes its level from the admin API too, in every process', async () => {
    const admin = new AdminClient(gateway.adminUrl);
    const before = refused().length;
    const change = (level: string) =>
      admin.send('PUT', '/log-level', new URLSearchParams({ level }));
    expect(await change('debug')).toMatchObject({ body: { level: 'debug' } });
    await eventually(async () => {
      await provoke();
      expect(refused().length).toBeGreaterThan(before);
    });
    expect(lines().findLast(({ msg }) => msg === 'log level changes')).toMatchObject({
      ...{ level: 'warn', from: 'info', to: 'debug' },
    });
    expect(await change('info')).toMatchObject({ status: 200 });
    expect(await admin.send('GET', '/log-level')).toMatchObject({ body: { level: 'info' } });
    expect(await change('loud')).toMatchObject({
      status: 400,
      body: { detail: 'level is one of debug, info, warn, error, silent' },
    });
  });

  it('is JSON, line by line, also where the engine prints something', async () => {
    process.kill(gateway.pid, 'SIGUSR2');
    await eventually(async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${gateway.httpPort}/`, {
        headers: { host: 'a.test' },
      });
      await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
      socket.close();
      const printed = lines().filter((line) => typeof line['printed'] === 'string');
      expect(printed.at(-1)).toMatchObject({ level: 'debug', msg: 'a serving process printed' });
    });
  });
});
