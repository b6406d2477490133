import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { handshake, leafOf, open, request } from './support/client.js';
import { mint } from './support/mint.js';
import { TestNode } from './support/test-node.js';

const hosts = Array.from({ length: 60 }, (_, n) => `host-${n}.test`);

describe('the context budget', () => {
  it('is kept by new generations, whose apps are used again and hold on to nothing', async () => {
    const node = await TestNode.start({ settings: { workers: 1, contextBudget: 16 } });
    const { httpsPort: port } = node;
    const certificates = await Promise.all(hosts.map((host) => mint(host)));
    await node.apply(hosts.flatMap((host, n) => node.binding(n, host, certificates[n])));
    for (let round = 0; round < 4; round += 1) {
      for (const [n, host] of hosts.entries()) {
        expect(await leafOf(port, host)).toBe(certificates[n]?.fingerprint256);
      }
    }
    await eventually(async () => {
      const { contexts, generationsDraining } = await node.supervisor.stats();
      expect(generationsDraining).toBe(0);
      expect(contexts).toBeLessThanOrEqual(16);
    });
    const stats = await node.supervisor.stats();
    expect(stats.generationsTotal).toBeGreaterThan(10);
    expect(stats.discardedApps).toBe(0);
    expect(stats.workerRestarts).toBe(0);
  });

  it.each([
    ['free', true],
    ['in use', false],
  ])(
    'does not bring back an old session with an app that was %s at the rotation',
    async (_, isFree) => {
      const node = await TestNode.start({ settings: { workers: 1, contextBudget: 16 } });
      const { httpsPort: port } = node;
      const certificates = await Promise.all(hosts.map((host) => mint(host)));
      await node.apply(hosts.flatMap((host, n) => node.binding(n, host, certificates[n])));
      const hello = { port, serverName: 'host-0.test' };
      const socket = await open(hello);
      const ticket = new Promise<Buffer>((resolve) => socket.once('session', resolve));
      await request(socket, 'host-0.test');
      const session = await ticket;
      socket.destroy();
      const useUpBudgets = async () => {
        for (const serverName of hosts.slice(1)) await handshake({ port, serverName });
      };
      if (isFree) await useUpBudgets();
      const rotated = await mint('host-0.test');
      await node.bind(0, 'host-0.test', rotated);
      for (let round = 0; round < 4; round += 1) {
        expect(await handshake({ ...hello, session })).toEqual({
          fingerprint256: rotated.fingerprint256,
          isResumed: false,
        });
        await useUpBudgets();
      }
    },
  );

  it('leaves a long answer alone while generations come and go', async () => {
    const node = await TestNode.start({ settings: { workers: 1, contextBudget: 16 } });
    const { httpsPort: port } = node;
    const certificates = await Promise.all(hosts.map((host) => mint(host)));
    await node.apply(hosts.flatMap((host, n) => node.binding(n, host, certificates[n])));
    const socket = await open({ port, serverName: 'host-0.test' });
    const answer = request(socket, 'host-0.test', 'X-Wait-Ms: 1500\r\n');
    for (const serverName of [...hosts, ...hosts]) await handshake({ port, serverName });
    expect((await answer).status).toBe(200);
    socket.destroy();
  });
});
