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
  process.on('exit', () => worker.closeNow());
  return new Promise(() => {});
}
