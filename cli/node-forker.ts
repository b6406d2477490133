import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { LogLevelMessage, NodeReport, RunMessage } from './local-node-messages.js';
import type { ForkerOrder, ForkerReport } from './node-forker-messages.js';

/** A data-plane process that was forked. */
export interface ForkedNode {
  /** What it says of its start; `failed` if it ends before. */
  readonly report: Promise<NodeReport>;
  /** How it ended. Never rejects. */
  readonly ended: Promise<string>;
}

/**
 * Forks the all-in-one's node out of a thread of its own: a process has its priority from the thread that
 * forks it, and all others of this process give way (`giveWay`). One child at a time.
 */
export class NodeForker {
  /** The thread, as the kernel numbers it. */
  readonly thread: number;
  readonly #worker: Worker;
  #said: (report: NodeReport) => void = () => {};
  #ended: (how: string) => void = () => {};

  private constructor(worker: Worker, thread: number) {
    this.#worker = worker;
    this.thread = thread;
    worker.on('message', (report: ForkerReport) => this.#hear(report));
  }

  static async start(): Promise<NodeForker> {
    const worker = new Worker(new URL('./node-forker-thread.js', import.meta.url));
    const [up] = await once(worker, 'message');
    // Its first message, always.
    return new NodeForker(worker, (up as ForkerReport & { kind: 'up' }).thread);
  }

  fork(environment: NodeJS.ProcessEnv): ForkedNode {
    const ended = new Promise<string>((resolve) => {
      this.#ended = resolve;
    });
    const report = new Promise<NodeReport>((resolve) => {
      this.#said = resolve;
      void ended.then((how) => resolve({ kind: 'failed', message: `ended with ${how}` }));
    });
    this.#order({ kind: 'fork', environment });
    return { report, ended };
  }

  send(message: RunMessage | LogLevelMessage): void {
    this.#order({ kind: 'send', message });
  }

  kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    this.#order({ kind: 'kill', signal });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #order(order: ForkerOrder): void {
    this.#worker.postMessage(order);
  }

  #hear(report: ForkerReport): void {
    if (report.kind === 'said') this.#said(report.report);
    if (report.kind === 'ended') this.#ended(report.how);
  }
}
