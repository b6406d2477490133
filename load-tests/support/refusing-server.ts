import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { RefusalPace } from '../../control-plane/access/refusal-pace.js';

export interface RefusingServer {
  readonly url: string;
  readonly pid: number;
  close(): void;
}

const self = fileURLToPath(import.meta.url);
/** As an all-in-one gives its control plane. */
const priority = 10;

/**
 * A stand-in for the admin API: refuses all that it is sent, at the admin API's pace, reads no body, and does
 * nothing else.
 */
export async function startRefusingServer(): Promise<RefusingServer> {
  const child = fork(self, []);
  const [port] = await once(child, 'message');
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid ?? -1,
    close: () => void child.kill('SIGKILL'),
  };
}

function refuseEverybody(): void {
  setPriority(priority);
  const pace = new RefusalPace(Date.now);
  const server = createServer((request, response) => {
    const refuse = () => {
      const close = request.method === 'POST' ? { connection: 'close' } : {};
      response.writeHead(429, close).end('{}');
    };
    const timer = setTimeout(refuse, pace.next());
    response.once('close', () => clearTimeout(timer));
  });
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    process.send?.(typeof address === 'object' ? address?.port : undefined);
  });
}

if (process.argv[1] === self) refuseEverybody();
