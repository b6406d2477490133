import { setTimeout as delay } from 'node:timers/promises';
import type { LogLevel } from '../shared/config-schema.js';
import type { ListenAddress } from '../shared/listen-address.js';
import type { Logger } from '../shared/logger.js';
import type { RejectedEntry } from '../shared/snapshot.js';
import { kernelAdvice } from './kernel-settings.js';
import { claimPort } from './serving/claim-port.js';
import type { ServingSettings } from './serving/messages.js';
import { mergeRejections, withRejections } from './serving/rejections.js';
import { ServingChild } from './serving/serving-child.js';
import { type ServingStats, sumStats } from './serving/serving-stats.js';
import { removeSocketDirectories } from './serving/socket-directory.js';
import type { AppliedChanges } from './store/node-store.js';

export interface SupervisorOptions {
  readonly settings: Omit<ServingSettings, 'socketDirectory' | 'isSharingPorts' | 'rejected'>;
  /** Serving processes that share the ports; with two or more, one may die and clients go on. */
  readonly processes: number;
  readonly logger: Logger;
  /** See `ServingChildOptions`. */
  readonly silenceTimeoutMs?: number;
}

/** Where clients reach the node, ports as they came out. */
export interface ServedAddresses {
  readonly http: ListenAddress;
  readonly https: ListenAddress;
}

const shortestDelayMs = 10;
const longestDelayMs = 800;
/** A process that served for so long did not die of its start. */
const steadyMs = 1_000;
/** Beyond the drain's own deadline, for closing. */
const drainGraceMs = 2_000;

/**
 * Starts the node's serving processes, tells them what changed, and has a new one up within a second
 * where one ends: a fault of the TLS engine ends the whole process it happens in, and only that.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #children = new Map<number, ServingChild>();
  #rejected: readonly RejectedEntry[] = [];
  #settings: SupervisorOptions['settings'];
  #restarts = 0;
  #isStopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#settings = options.settings;
  }

  /** Serving processes that were started because another had ended. */
  get restarts(): number {
    return this.#restarts;
  }

  /** For tests and diagnostics. */
  get pids(): readonly number[] {
    return [...this.#children.values()].flatMap((child) => child.pid ?? []);
  }

  /**
   * Resolves when every process accepts connections.
   * @throws Error if an address can't be had or a process does not start; none is left running then.
   */
  async start(): Promise<ServedAddresses> {
    const { settings, processes } = this.#options;
    const http = await claimPort(settings.http);
    const https = await claimPort(settings.https);
    this.#settings = { ...settings, http, https };
    removeSocketDirectories(settings.dataDirectory);
    const slots = Array.from({ length: processes }, (_, slot) => slot);
    try {
      await Promise.all(slots.map((slot) => this.#launch(slot).ready));
    } catch (error) {
      this.#isStopping = true;
      await Promise.all([...this.#children.values()].map((child) => child.kill()));
      throw error;
    }
    for (const [slot, child] of this.#children) void this.#watch(slot, child);
    const advice = kernelAdvice(processes > 1);
    if (advice.length > 0) {
      this.#options.logger.info({ advice }, 'the system could be set up better for a gateway');
    }
    return { http, https };
  }

  /**
   * Resolves when every worker of every process serves what the store holds now, proved by
   * handshakes. A process that ends meanwhile takes its answer with it; if no other gives one, the next
   * process is asked, as nobody has proved anything.
   * @throws Error if the node stops before.
   */
  async applied(changes: AppliedChanges): Promise<RejectedEntry[]> {
    for (;;) {
      const each = await Promise.all(this.#everyChild((child) => child.apply(changes)));
      const answers = each.filter((answer) => answer !== undefined);
      if (answers.length > 0) {
        const rejections = mergeRejections(answers.flat());
        this.#rejected = withRejections(this.#rejected, rejections);
        return rejections;
      }
      if (this.#isStopping) throw new Error('the node stopped before a change was served');
      await delay(shortestDelayMs);
    }
  }

  /** Of all processes: one that hangs holds nobody up, and counts as serving nothing after a while. */
  async stats(): Promise<ServingStats> {
    const each = await Promise.all(this.#everyChild((child) => child.stats()));
    return sumStats(each.filter((stats) => stats !== undefined));
  }

  /** Replaces all worker threads, one after the other, without losing a connection. */
  async restartWorkers(): Promise<void> {
    await Promise.all(this.#everyChild((child) => child.restartWorkers()));
  }

  setLogLevel(logLevel: LogLevel): void {
    this.#settings = { ...this.#settings, logLevel };
    for (const child of this.#children.values()) child.setLogLevel(logLevel);
  }

  /** Takes no new connections, lets requests end, ends all processes. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const timeoutMs = this.#settings.drainTimeoutMs + drainGraceMs;
    await Promise.all(this.#everyChild((child) => child.drain(timeoutMs)));
  }

  #everyChild<Result>(ask: (child: ServingChild) => Result): Result[] {
    return [...this.#children.values()].map(ask);
  }

  #launch(slot: number): ServingChild {
    const { processes, logger, silenceTimeoutMs } = this.#options;
    const child = new ServingChild({
      slot,
      settings: {
        ...this.#settings,
        isSharingPorts: processes > 1,
        rejected: this.#rejected,
      },
      logger,
      ...(silenceTimeoutMs !== undefined && { silenceTimeoutMs }),
    });
    this.#children.set(slot, child);
    return child;
  }

  async #watch(slot: number, first: ServingChild): Promise<void> {
    const { logger } = this.#options;
    let child = first;
    let delayMs = shortestDelayMs;
    for (;;) {
      const startedAt = performance.now();
      const how = await child.ended;
      if (this.#isStopping) return;
      if (performance.now() - startedAt > steadyMs) delayMs = shortestDelayMs;
      logger.error({ how, pid: child.pid, delayMs }, 'a serving process ended, starting it anew');
      await delay(delayMs);
      delayMs = Math.min(delayMs * 3, longestDelayMs);
      if (this.#isStopping) return;
      this.#restarts += 1;
      child = this.#launch(slot);
      child.ready.then(
        () => logger.info({ pid: child.pid }, 'a serving process is up again'),
        (error: unknown) => logger.error({ err: error }, 'a serving process did not start'),
      );
    }
  }
}
