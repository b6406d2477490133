import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { clientHello } from '../../test/support/client-hello.js';

export interface FloodOrder {
  readonly port: number;
  /** Connections in all, or until `stop`. */
  readonly count: number;
  /** Connections a second; without it as many as there can be. */
  readonly rate?: number;
  /** Ask for another name each time, or always for the same one; neither has an API. */
  readonly isRandom: boolean;
}

/** What became of a flood: a refused connection is one that got no answer to its hello. */
export interface FloodReport {
  readonly answered: number;
  readonly refused: number;
}

const self = fileURLToPath(import.meta.url);
const lowestPriority = 19;
const clients = 64;

/**
 * Clients that send a hello, take the server's first flight and reset the connection: the server has
 * looked the name up and signed by then, and the client has paid next to nothing. In a process of the
 * lowest priority: on one machine it would otherwise take the processor from the server itself, which
 * an attacker elsewhere does not.
 */
export class HelloFlood {
  readonly #child = fork(self);

  start(order: FloodOrder): void {
    this.#child.send(order);
  }

  /** Resolves when the order is carried out. */
  async done(): Promise<FloodReport> {
    const [report] = await once(this.#child, 'message');
    return report as FloodReport;
  }

  /** Ends the order early. */
  async stop(): Promise<FloodReport> {
    const done = this.done();
    this.#child.send('stop');
    return done;
  }

  async close(): Promise<void> {
    this.#child.disconnect();
    await once(this.#child, 'exit');
  }
}

const digits = 8;
const nameOf = (n: number) => `r${n.toString(36).padStart(digits, '0')}.made-up.test`;

async function flood(order: FloodOrder, isStopped: () => boolean): Promise<FloodReport> {
  const template = await clientHello(nameOf(0));
  const nameAt = template.indexOf(nameOf(0));
  const startedAt = performance.now();
  let sent = 0;
  let answered = 0;
  let refused = 0;
  const client = async () => {
    while (sent < order.count && !isStopped()) {
      sent += 1;
      if (order.rate !== undefined) {
        const wait = startedAt + (sent / order.rate) * 1000 - performance.now();
        if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
      }
      const bytes = Buffer.from(template);
      // Numbers far apart, so that names of several floods differ.
      const n = order.isRandom ? Math.floor(Math.random() * 36 ** digits) : 0;
      bytes.write(nameOf(n), nameAt, 'latin1');
      if (await isAnswered(order.port, bytes)) answered += 1;
      else refused += 1;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return { answered, refused };
}

function isAnswered(port: number, bytes: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    socket.write(bytes);
    socket.once('data', () => {
      resolve(true);
      socket.resetAndDestroy();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}

if (process.argv[1] === self) {
  setPriority(lowestPriority);
  let isStopped = false;
  process.on('message', (message: FloodOrder | 'stop') => {
    isStopped = message === 'stop';
    if (message === 'stop') return;
    void flood(message, () => isStopped).then((report) => process.send?.(report));
  });
}
