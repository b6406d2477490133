import type { Logger } from '../../shared/logger.js';
import type { RejectedEntry } from '../../shared/snapshot.js';
import type { AppDescriptor } from '../listener/engine.js';
import type { AppliedChanges } from '../store/node-store.js';
import type { Acceptor } from './acceptor.js';
import type { ServingSettings, WorkerCommand, WorkerReport, WorkerTask } from './messages.js';
import { PendingReplies } from './pending-replies.js';
import type { ServingStats } from './serving-stats.js';
import type { WorkerChannel } from './worker-channel.js';

export interface Acceptors {
  readonly http: Acceptor;
  readonly https: Acceptor;
}

export interface WorkerHandleOptions {
  readonly settings: ServingSettings;
  readonly index: number;
  readonly name: string;
  readonly acceptors: Acceptors;
  readonly logger: Logger;
  readonly channel: WorkerChannel;
  /** Runs the task in a thread; settles when the thread has ended, `signal` ends it. */
  readonly run: (task: WorkerTask, signal: AbortSignal) => Promise<unknown>;
  /** The worker asks for another to take its place. */
  readonly wantsReplacement: (reason: string) => void;
  /** It has closed everything; what it had counted. */
  readonly closed: (stats: ServingStats) => void;
}

/** How a worker's thread came to its end. */
export type WorkerEnd = { readonly expected: true } | { readonly expected: false; reason: string };

/** The main thread's side of one worker: its apps in the acceptors and its messages. */
export class WorkerHandle {
  readonly index: number;
  /** The worker takes connections; rejects if it ends before. */
  readonly ready: Promise<void>;
  /** Its thread has ended. Never rejects. */
  readonly ended: Promise<WorkerEnd>;
  readonly #options: WorkerHandleOptions;
  readonly #port: WorkerChannel['ofPool'];
  readonly #abort = new AbortController();
  readonly #applied = new PendingReplies<readonly RejectedEntry[]>([]);
  readonly #stats = new PendingReplies<ServingStats | undefined>(undefined);
  #http: AppDescriptor | undefined;
  #https: AppDescriptor | undefined;
  #isDetached = false;
  #isRetired = false;
  #lastApplied: Promise<unknown> = Promise.resolve();
  #becameReady: () => void = () => {};

  constructor(options: WorkerHandleOptions) {
    const { settings, index, name, channel, run } = options;
    this.#options = options;
    this.index = index;
    this.#port = channel.ofPool;
    this.#port.on('message', (report) => this.#hear(report));
    const task: WorkerTask = { settings, index, name, port: channel.ofWorker };
    this.ended = run(task, this.#abort.signal).then(
      () => this.#end('its task returned'),
      (error: unknown) => this.#end(error instanceof Error ? error.message : String(error)),
    );
    this.ready = new Promise((resolve, reject) => {
      this.#becameReady = resolve;
      void this.ended.then((end) => reject(new Error(`worker ended: ${describeEnd(end)}`)));
    });
    this.ready.catch(() => undefined); // whoever awaits it hears of it, and `ended` always does
  }

  /** Whether it gets connections, or got some that it still serves. */
  get hasConnections(): boolean {
    return this.#http !== undefined;
  }

  /** A worker that is not ready yet may take its time: it gets no connections before it has answered. */
  apply(changes: AppliedChanges): Promise<readonly RejectedEntry[]> {
    const applied = this.#applied.request((id) => this.#send({ kind: 'apply', id, changes }));
    this.#lastApplied = applied;
    return applied;
  }

  stats(): Promise<ServingStats | undefined> {
    return this.#stats.request((id) => this.#send({ kind: 'stats', id }));
  }

  tell(command: WorkerCommand): void {
    this.#send(command);
  }

  /** Gives it no more connections, lets it drain, ends its thread. Resolves when that is done. */
  async retire(): Promise<void> {
    if (!this.#isRetired) {
      this.#isRetired = true;
      this.#detach();
      this.#send({ kind: 'retire' });
    }
    await this.ended;
  }

  #hear(report: WorkerReport): void {
    switch (report.kind) {
      case 'ready':
        void this.#lastApplied.then(() => {
          this.#attach(report.http, report.https);
          this.#becameReady();
        });
        return;
      case 'swap':
        this.#swap(report.add, report.remove);
        return;
      case 'applied':
        this.#applied.settle(report.id, report.rejections);
        return;
      case 'stats':
        this.#stats.settle(report.id, report.stats);
        return;
      case 'replace-me':
        this.#options.wantsReplacement(report.reason);
        return;
      case 'closed':
        this.#options.closed(report.stats);
        this.#abort.abort(); // every app is closed: now the thread may be ended
        return;
      default:
        report satisfies never;
    }
  }

  #attach(http: AppDescriptor, https: AppDescriptor): void {
    if (this.#isDetached) return;
    this.#http = http;
    this.#https = https;
    this.#options.acceptors.http.add(http);
    this.#options.acceptors.https.add(https);
  }

  /** First the new one, then without the old one: between them there is always somebody to serve. */
  #swap(add: AppDescriptor, remove: AppDescriptor): void {
    const { https } = this.#options.acceptors;
    if (!this.#isDetached) {
      https.add(add);
      https.remove(remove);
      this.#https = add;
    }
    this.#send({ kind: 'swapped' });
  }

  #detach(): void {
    const { http, https } = this.#options.acceptors;
    this.#isDetached = true;
    if (this.#http !== undefined) http.remove(this.#http);
    if (this.#https !== undefined) https.remove(this.#https);
  }

  #end(reason: string): WorkerEnd {
    this.#detach();
    this.#applied.gone();
    this.#stats.gone();
    this.#port.close();
    return this.#abort.signal.aborted ? { expected: true } : { expected: false, reason };
  }

  #send(command: WorkerCommand): void {
    this.#port.postMessage(command);
  }
}

function describeEnd(end: WorkerEnd): string {
  return end.expected ? 'it was asked to' : end.reason;
}
