import { fork } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type Bite, bites } from '../../test/security/bites.js';

/** Answers by status, since the callers were started. */
export type HostileReport = Readonly<Record<string, number>>;

export interface HostileCallers {
  stop(): Promise<HostileReport>;
}

const self = fileURLToPath(import.meta.url);
const lowestPriority = 19;

/**
 * Callers that send the admin API everything it refuses, as fast as it answers, until they are stopped.
 * In a process of the lowest priority: on one machine they would otherwise take the processor from the
 * gateway themselves, which an attacker elsewhere does not.
 */
export async function startHostileCallers(
  adminUrl: string,
  callers: number,
): Promise<HostileCallers> {
  const child = fork(self, [adminUrl, String(callers)]);
  await once(child, 'message');
  return {
    async stop() {
      const reported = once(child, 'message');
      child.send('stop');
      const [report] = await reported;
      if (child.connected) child.disconnect();
      return report as HostileReport;
    },
  };
}

async function attack(adminUrl: string, callers: number): Promise<void> {
  setPriority(lowestPriority);
  const all = bites();
  const seen: Record<string, number> = {};
  let isOver = false;
  process.once('message', () => {
    isOver = true;
  });
  process.send?.('ready');
  const call = async (_: unknown, caller: number) => {
    for (let turn = caller; !isOver; turn++) {
      const bite = all[turn % all.length];
      const status = bite === undefined ? 'none' : await send(adminUrl, bite);
      seen[status] = (seen[status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  process.send?.(seen);
}

function send(url: string, { method = 'POST', path = '/', headers, body }: Bite): Promise<string> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(url);
    const sent = request({ hostname, port, method, path, headers: { ...headers } }, (response) => {
      response.resume().once('close', () => resolve(String(response.statusCode)));
    });
    sent.once('error', () => resolve('cut off')).end(body);
  });
}

if (process.argv[1] === self) {
  const [, , adminUrl = '', callers = '1'] = process.argv;
  await attack(adminUrl, Number(callers));
}
