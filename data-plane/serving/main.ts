import { rmSync } from 'node:fs';
import { createLogger, type RootLogger } from '../../shared/create-logger.js';
import { guardProcessMemory } from '../../shared/process-memory.js';
import { tls12Ciphers } from '../listener/cipher-policy.js';
import { Acceptor } from './acceptor.js';
import type { MainThreadWorker } from './main-thread-worker.js';
import type { ServingCommand, ServingReport, ServingSettings } from './messages.js';
import { servingLogFd } from './printed-lines.js';
import { WorkerPool } from './worker-pool.js';

/**
 * Composition root of a serving process: forked by the supervisor, told everything by message. Its
 * main thread owns the listen sockets; with several workers it serves nothing itself.
 */
class ServingProcess {
  readonly #logger: RootLogger;
  readonly #http: Acceptor;
  readonly #https: Acceptor;
  readonly #pool: WorkerPool;
  readonly #settings: ServingSettings;

  static async create(settings: ServingSettings): Promise<ServingProcess> {
    // With several workers this thread only accepts, and need not load what a worker is made of.
    if (settings.workers > 1) return new ServingProcess(settings, undefined);
    const { MainThreadWorker } = await import('./main-thread-worker.js');
    return new ServingProcess(settings, new MainThreadWorker());
  }

  private constructor(settings: ServingSettings, mainThread: MainThreadWorker | undefined) {
    this.#settings = settings;
    this.#logger = createLogger({
      ...{ level: settings.logLevel, role: 'serving', fd: servingLogFd },
    });
    this.#http = new Acceptor(undefined);
    this.#https = new Acceptor(tls12Ciphers(settings.cipherPolicy));
    this.#pool = new WorkerPool({
      settings,
      acceptors: { http: this.#http, https: this.#https },
      logger: this.#logger,
      mainThread,
    });
  }

  /**
   * Listens once there is somebody to hand connections to.
   * @throws Error if a worker does not start or an address can't be had.
   */
  async start(): Promise<void> {
    const { http, https, isSharingPorts } = this.#settings;
    await this.#pool.start();
    this.#http.listen(http, isSharingPorts);
    this.#https.listen(https, isSharingPorts);
    report({ kind: 'ready' });
  }

  async obey(command: ServingCommand): Promise<void> {
    switch (command.kind) {
      case 'start':
        return;
      case 'apply': {
        const rejections = await this.#pool.apply(command.changes);
        report({ kind: 'applied', id: command.id, rejections });
        return;
      }
      case 'stats':
        report({ kind: 'stats', id: command.id, stats: await this.#pool.stats() });
        return;
      case 'restart-workers':
        await this.#pool.restart();
        report({ kind: 'workers-restarted', id: command.id });
        return;
      case 'log-level':
        this.#logger.level = command.level;
        this.#pool.tell(command);
        return;
      case 'drain':
        await this.#drain();
        return;
      default:
        command satisfies never;
    }
  }

  /** @returns whether the process can go on. */
  failed(error: unknown): boolean {
    return this.#pool.failed(error);
  }

  async #drain(): Promise<void> {
    this.#http.stopListening();
    this.#https.stopListening();
    await this.#pool.drain();
    this.#http.close();
    this.#https.close();
    process.exit(0); // in order: no thread with an app is left
  }
}

/**
 * Ends the process with its workers as they are. Not by `process.exit`: it ends the threads first,
 * and one whose connections are open makes the engine abort the process, with a core dump.
 */
function endNow(): void {
  process.kill(process.pid, 'SIGKILL');
}

/**
 * Without a supervisor nobody would tell it of changes, and the next one needs its ports. What that one
 * would have removed is in the way of nobody, but would pile up.
 */
function endWithoutSupervisor(): void {
  if (socketDirectory !== undefined) rmSync(socketDirectory, { recursive: true, force: true });
  endNow();
}

function report(message: ServingReport): void {
  process.send?.(message, (error: Error | null) => {
    if (error !== null) endWithoutSupervisor();
  });
}

let socketDirectory: string | undefined;
let serving: ServingProcess | undefined;
/** Commands wait for it: what comes while it loads is obeyed after its start has begun. */
let creating: Promise<unknown> = Promise.resolve();

async function receive(command: ServingCommand): Promise<void> {
  if (command.kind !== 'start') {
    await creating;
    await serving?.obey(command);
    return;
  }
  socketDirectory = command.settings.socketDirectory;
  try {
    const created = ServingProcess.create(command.settings).then((it) => {
      serving = it;
      return { started: it.start() };
    });
    creating = created.catch(() => undefined); // told below
    await (await created).started;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.send?.({ kind: 'failed', message } satisfies ServingReport, endNow);
  }
}

guardProcessMemory();
process.on('uncaughtException', (error) => {
  if (serving?.failed(error)) return;
  createLogger({ level: 'error', role: 'serving', fd: servingLogFd }).error(
    { err: error },
    'defect in the main thread',
  );
  endNow(); // the supervisor starts another
});
process.on('message', (command: ServingCommand) => void receive(command));
process.on('disconnect', endWithoutSupervisor);
// The supervisor says when to go, also after a signal to the whole process group.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
