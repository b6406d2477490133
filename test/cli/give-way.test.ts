import { readdirSync } from 'node:fs';
import { constants, getPriority } from 'node:os';
import { expect, it, onTestFinished } from 'vitest';
import { AdminClient } from '../support/admin-client.js';
import { descendants } from '../support/descendants.js';
import { eventually } from '../support/eventually.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** Of each thread of a process. */
function priorities(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => getPriority(Number(thread)));
}

it('an all-in-one’s control plane goes behind its node, one that was started anew too', async () => {
  const gateway = await GatewayProcess.start({
    dataDir: await temporaryDirectory(),
    flags: ['--workers', '2'],
  });
  onTestFinished(() => gateway.kill());
  // Work that needs threads which were not there at the start.
  const admin = new AdminClient(gateway.adminUrl);
  expect((await admin.addApi('a', 'a.test', 'http://u.test')).status).toBe(201);

  const own = getPriority();
  const lower = Math.min(own + 10, constants.priority.PRIORITY_LOW);
  const behind = priorities(gateway.pid).toSorted((a, b) => a - b);
  // The first is the thread that forks the node, and does nothing else.
  expect(behind).toEqual([own, ...behind.slice(1).fill(lower)]);
  const [node = 0, ...serving] = descendants(gateway.pid);
  expect(serving).toHaveLength(1);
  expect(new Set([node, ...serving].flatMap(priorities))).toEqual(new Set([own]));

  process.kill(node, 'SIGKILL');
  await eventually(
    () => {
      const again = descendants(gateway.pid).filter((pid) => pid !== node);
      expect(again).toHaveLength(2);
      expect(new Set(again.flatMap(priorities))).toEqual(new Set([own]));
    },
    { withinMs: 20_000, everyMs: 100 },
  );
});
