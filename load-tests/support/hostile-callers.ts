import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type Bite, bites } from '../../test/security/bites.js';

/** Answers by status, since the callers were started. */
export type HostileReport = Readonly<Record<string, number>>;

export interface HostileCallers {
  readonly pid: number;
  /** Lets them go at it. */
  attack(): void;
  /** Ends them, with what they were answered. */
  stop(): Promise<HostileReport>;
}

export interface HostileTarget {
  /** Of the admin API, or what stands in for it. */
  readonly url: string;
  /** Good for writing: without one nothing but the door can be attacked. */
  readonly token: string;
  readonly callers: number;
}

const self = fileURLToPath(import.meta.url);
const lowestPriority = 19;
const wrongToken = `sgt_${'0'.repeat(16)}_${'A'.repeat(43)}`;

/**
 * Callers that send the admin API what it refuses, as fast as it answers. A quarter of them has a token,
 * and sends input that bites; the others are strangers: the same input without a token, guessed
 * tokens, and what is answered to everybody. In a process of the lowest priority: an attacker elsewhere
 * does not take the processor from clients either.
 */
export async function startHostileCallers(target: HostileTarget): Promise<HostileCallers> {
  const child = fork(self, []);
  child.send(target);
  await once(child, 'message');
  return {
    pid: child.pid ?? -1,
    attack: () => void child.send('attack'),
    async stop() {
      const reported = once(child, 'message');
      child.send('stop');
      const [report] = await reported;
      child.kill('SIGKILL');
      return report as HostileReport;
    },
  };
}

/** The n-th request of a caller. */
function requestOf(caller: number, n: number, token: string, all: readonly Bite[]): Bite {
  const bite = all[n % all.length] ?? { name: 'none' };
  switch (caller % 4) {
    case 0:
      return { ...bite, headers: { ...bite.headers, authorization: `Bearer ${token}` } };
    case 1:
      return bite;
    case 2:
      return { ...bite, headers: { ...bite.headers, authorization: `Bearer ${wrongToken}` } };
    default:
      return { name: 'open', method: n % 2 === 0 ? 'OPTIONS' : 'GET', path: '/live' };
  }
}

async function attack({ url, token, callers }: HostileTarget): Promise<void> {
  setPriority(lowestPriority);
  const { hostname, port } = new URL(url);
  const agent = new Agent({ keepAlive: true });
  const all = bites();
  const seen: Record<string, number> = {};
  const send = ({ method = 'POST', path = '/', headers, body }: Bite) =>
    new Promise<string>((resolve) => {
      const options = { agent, hostname, port, method, path, headers: { ...headers } };
      const sent = request(options, (response) => {
        response.resume().once('close', () => resolve(String(response.statusCode)));
      });
      sent.once('error', () => resolve('cut off')).end(body);
    });
  process.send?.('ready');
  await once(process, 'message');
  process.once('message', () => process.send?.(seen));
  const call = async (_: unknown, caller: number) => {
    for (let n = caller; ; n++) {
      const status = await send(requestOf(caller, n, token, all));
      seen[status] = (seen[status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
}

if (process.argv[1] === self) {
  const [target] = await once(process, 'message');
  // Sent by startHostileCallers, the only one to fork this module.
  await attack(target as HostileTarget);
}
