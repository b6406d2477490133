import type { Logger } from '../shared/logger.js';
import type { NodeHealth } from '../shared/snapshot-protocol.js';
import type { ServingStats } from './serving/serving-stats.js';

export interface NodeHealthOptions {
  /** Of all serving processes together; those that hang hold it up no longer than for a moment. */
  readonly stats: () => Promise<ServingStats>;
  readonly workersWanted: number;
  /** Whether the node has a snapshot to serve from. */
  readonly hasSnapshot: () => boolean;
  readonly logger: Logger;
}

const refreshMs = 1_000;

/** What the node says of itself with every sign of life: gathered each second from its processes. */
export class NodeHealthReport {
  readonly #options: NodeHealthOptions;
  readonly #timer: NodeJS.Timeout;
  #stats: ServingStats | undefined;
  #isAsking = false;
  #told: NodeHealth | undefined;
  #changed: () => void = () => {};

  constructor(options: NodeHealthOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.refresh(), refreshMs);
    this.#timer.unref();
  }

  /** As of the last second. */
  get current(): NodeHealth {
    const { workersWanted, hasSnapshot } = this.#options;
    const workers = this.#stats?.workers ?? 0;
    const ready = workers > 0 && hasSnapshot();
    if (this.#stats === undefined) return { workers, workersWanted, ready };
    const { connectionsActive, connectionsAccepted, requestsActive, requestsTotal } = this.#stats;
    const { tlsConnectionsAccepted, upstreamFailures } = this.#stats;
    const traffic = {
      ...{ connectionsActive, connectionsAccepted, requestsActive, requestsTotal },
      ...{ tlsConnectionsAccepted, upstreamFailures },
    };
    return { workers, workersWanted, ready, traffic };
  }

  /** As of the last second; `undefined` until the processes first answered. */
  get stats(): ServingStats | undefined {
    return this.#stats;
  }

  /** Calls `changed` when the number of workers, or whether the node is ready, has changed. */
  watch(changed: () => void): void {
    this.#changed = changed;
  }

  async refresh(): Promise<void> {
    if (!this.#isAsking) await this.#ask();
    const before = this.#told;
    this.#told = this.current;
    if (before !== undefined && isOtherHealth(before, this.#told)) this.#changed();
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    try {
      this.#stats = await this.#options.stats();
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'the serving processes did not tell their state');
    } finally {
      this.#isAsking = false;
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

/** Whether the control plane should hear of it at once; the traffic goes with the next sign of life. */
export function isOtherHealth(one: NodeHealth, other: NodeHealth): boolean {
  return one.ready !== other.ready || one.workers !== other.workers;
}
