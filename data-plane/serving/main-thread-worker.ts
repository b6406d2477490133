import type { WorkerTask } from './messages.js';
import { ServingWorker } from './serving-worker.js';

/**
 * Runs the worker of a process that has just one in the thread of the acceptors. Handing a connection
 * to another thread costs some 5 % of a handshake, and with one worker buys nothing.
 *
 * Only the process's first worker: an app's memory is freed with its thread alone. Whoever replaces it
 * has a thread of its own, and this one goes on as acceptor.
 */
export class MainThreadWorker {
  #worker: ServingWorker | undefined;

  /** Resolves once `signal` says that everything of the worker is closed. */
  async run(task: WorkerTask, signal: AbortSignal): Promise<void> {
    this.#worker = new ServingWorker(task);
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    this.#worker = undefined;
  }

  /** @returns whether there is a worker to be replaced for it; else the defect is the thread's own. */
  failed(error: unknown): boolean {
    this.#worker?.failed(error);
    return this.#worker !== undefined;
  }
}
