import type { WorkerTask } from './messages.js';
import { ServingWorker } from './serving-worker.js';

/**
 * Entry of a worker thread: Piscina's task, which never returns. The main thread ends the thread
 * once the worker has said that everything is closed.
 */
export default function serve(task: WorkerTask): Promise<never> {
  const worker = new ServingWorker(task);
  process.on('uncaughtException', (error) => worker.failed(error));
  process.on('unhandledRejection', (reason) => worker.failed(reason));
  // A thread that ends with an app open, or with a connection on its way to one, makes the engine abort
  // the process; an `exit` handler comes too late for the second. So nothing ends the thread from inside.
  process.exit = () => {
    throw new Error('process.exit was called in a worker');
  };
  return new Promise(() => {});
}
