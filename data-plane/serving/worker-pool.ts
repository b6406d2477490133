import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MessageChannel } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { Logger } from '../../shared/logger.js';
import type { RejectedEntry } from '../../shared/snapshot.js';
import type { AppliedChanges } from '../store/node-store.js';
import type { MainThreadWorker } from './main-thread-worker.js';
import type { ServingSettings, WorkerCommand, WorkerTask } from './messages.js';
import { mergeRejections, withRejections } from './rejections.js';
import { pastStats, type ServingStats, sumStats } from './serving-stats.js';
import { sameThreadChannel } from './worker-channel.js';
import { type Acceptors, WorkerHandle, type WorkerHandleOptions } from './worker-handle.js';

export interface WorkerPoolOptions {
  readonly settings: ServingSettings;
  readonly acceptors: Acceptors;
  readonly logger: Logger;
  /** Runs the first worker where there is just one; the others have a thread of their own. */
  readonly mainThread: MainThreadWorker | undefined;
}

const workerFile = fileURLToPath(new URL('./worker.js', import.meta.url));
const shortestRestartDelayMs = 20;
const longestRestartDelayMs = 500;
const replacementDelayMs = 200;

/**
 * The workers of a serving process. Piscina owns their threads; each runs one task that never returns.
 * A worker is replaced by starting another first, so connections always have somewhere to go.
 */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #piscina: Piscina<WorkerTask, never>;
  /** Those that serve, or are about to. */
  readonly #serving = new Map<number, WorkerHandle>();
  /** All whose thread has not ended. */
  readonly #handles = new Set<WorkerHandle>();
  readonly #replacing = new Map<number, Promise<void>>();
  #rejected: readonly RejectedEntry[];
  #past: ServingStats = sumStats([]);
  #started = 0;
  #restarts = 0;
  #isDraining = false;

  constructor(options: WorkerPoolOptions) {
    const { workers } = options.settings;
    this.#options = options;
    this.#rejected = options.settings.rejected;
    this.#piscina = new Piscina({
      filename: workerFile,
      minThreads: workers === 1 ? 0 : workers,
      // Room for every worker's successor while the old one drains.
      maxThreads: workers * 3,
      // Its default lets an idle thread wait in a way that stops the thread's event loop.
      atomics: 'disabled',
    });
    this.#piscina.on('error', (error) => {
      options.logger.error({ err: error }, 'a thread without a task failed');
    });
  }

  /** Resolves when every worker takes connections. */
  async start(): Promise<void> {
    const indexes = Array.from({ length: this.#options.settings.workers }, (_, index) => index);
    await Promise.all(indexes.map((index) => this.#launch(index).ready));
  }

  async apply(changes: AppliedChanges): Promise<readonly RejectedEntry[]> {
    const answers = [...this.#handles].map((handle) => {
      return { isAwaited: handle.hasConnections, applied: handle.apply(changes) };
    });
    // One that starts holds nobody up, unless there is no other to prove the change.
    const awaited = answers.filter(({ isAwaited }) => isAwaited);
    const each = await Promise.all(
      (awaited.length > 0 ? awaited : answers).map(({ applied }) => applied),
    );
    const rejections = mergeRejections(each.flat());
    if (rejections.length > 0) {
      // One worker's finding is true for all; they need not show a client the default certificate first.
      this.#rejected = withRejections(this.#rejected, rejections);
      this.tell({ kind: 'reject', rejections });
    }
    return rejections;
  }

  tell(command: WorkerCommand): void {
    for (const handle of this.#handles) handle.tell(command);
  }

  async stats(): Promise<ServingStats> {
    const each = await Promise.all([...this.#handles].map((handle) => handle.stats()));
    const sum = sumStats([this.#past, ...each.filter((stats) => stats !== undefined)]);
    return { ...sum, workerRestarts: this.#restarts };
  }

  /** Replaces every worker, one after the other. No connection is lost. */
  async restart(): Promise<void> {
    for (const index of this.#serving.keys()) await this.#replace(index);
  }

  /** @returns whether the defect is a worker's, which is replaced. */
  failed(error: unknown): boolean {
    return this.#options.mainThread?.failed(error) ?? false;
  }

  /** Lets all workers end. The acceptors must not take connections any more. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    await Promise.all([...this.#handles].map((handle) => handle.retire()));
    await this.#piscina.destroy();
  }

  #launch(index: number): WorkerHandle {
    const { settings, acceptors, logger, mainThread } = this.#options;
    this.#started += 1;
    const isFirst = this.#started === 1;
    const handle = new WorkerHandle({
      settings: { ...settings, rejected: this.#rejected },
      index,
      name: `${index}.${this.#started}`,
      acceptors,
      logger,
      ...(isFirst && mainThread ? inMainThread(mainThread) : this.#inItsOwnThread()),
      wantsReplacement: (reason) => {
        logger.info({ worker: index, reason }, 'replacing a worker');
        // Not at once: a defect that each worker meets anew would keep the process busy with starts.
        setTimeout(() => void this.#replace(index, handle), replacementDelayMs);
      },
      closed: (stats) => {
        this.#past = sumStats([this.#past, pastStats(stats)]);
      },
    });
    this.#serving.set(index, handle);
    this.#handles.add(handle);
    void this.#watch(handle);
    return handle;
  }

  #inItsOwnThread(): Pick<WorkerHandleOptions, 'channel' | 'run'> {
    const { port1, port2 } = new MessageChannel();
    return {
      channel: { ofPool: port1, ofWorker: port2 },
      run: (task, signal) => this.#piscina.run(task, { signal, transferList: [port2] }),
    };
  }

  async #watch(handle: WorkerHandle): Promise<void> {
    const startedAt = performance.now();
    const end = await handle.ended;
    this.#handles.delete(handle);
    if (end.expected) return;
    this.#options.logger.error({ worker: handle.index, reason: end.reason }, 'a worker ended');
    if (this.#isDraining || this.#serving.get(handle.index) !== handle) return;
    this.#restarts += 1;
    const livedLong = performance.now() - startedAt > 10_000;
    await delay(livedLong ? shortestRestartDelayMs : longestRestartDelayMs);
    if (!this.#isDraining && this.#serving.get(handle.index) === handle) this.#launch(handle.index);
  }

  /** @param expected does nothing if that worker was replaced before. */
  async #replace(index: number, expected?: WorkerHandle): Promise<void> {
    await this.#replacing.get(index);
    const old = this.#serving.get(index);
    const isStale = expected !== undefined && old !== expected;
    if (this.#isDraining || old === undefined || isStale) return;
    const replacing = this.#succeed(old);
    this.#replacing.set(index, replacing);
    await replacing;
    if (this.#replacing.get(index) === replacing) this.#replacing.delete(index);
  }

  async #succeed(old: WorkerHandle): Promise<void> {
    this.#restarts += 1;
    const next = this.#launch(old.index);
    try {
      await next.ready;
    } catch (error) {
      // The old one goes on; `#watch` tries again with a new one, after which it is told to go.
      this.#options.logger.error({ err: error }, 'a new worker did not start');
      this.#serving.set(old.index, old);
      return;
    }
    // Not awaited: it drains for seconds, and its place is taken.
    void old.retire();
  }
}

function inMainThread(worker: MainThreadWorker): Pick<WorkerHandleOptions, 'channel' | 'run'> {
  return { channel: sameThreadChannel(), run: (task, signal) => worker.run(task, signal) };
}
