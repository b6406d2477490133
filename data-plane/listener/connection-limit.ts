import type { HttpResponse } from 'uWebSockets.js';
import type { Logger } from '../../shared/logger.js';

const warningEveryMs = 10_000;

/**
 * Bounds the connections that the listeners of one worker hold at the same time, handshakes under way
 * and WebSockets included; what is too much is closed before it costs a handshake.
 *
 * Without descriptors left, a process could not reach its upstreams for the clients that it has, and
 * the engine's accept loop spins at full load until some are free.
 */
export class ConnectionLimit {
  readonly #max: number;
  readonly #logger: Logger;
  #open = 0;
  #refused = 0;
  #warnedAt = Number.NEGATIVE_INFINITY;

  constructor(max: number, logger: Logger) {
    this.#max = max;
    this.#logger = logger;
  }

  /** Connections that were closed because there were too many. */
  get refused(): number {
    return this.#refused;
  }

  /** To be called in an app's filter; it closes the connection, which calls the filter again. */
  opened(connection: Pick<HttpResponse, 'getRemoteAddress' | 'close'>): void {
    this.#open += 1;
    if (this.#open <= this.#max) return;
    // The worker's own test handshakes come over a Unix socket: a certificate is proved at any time.
    if (connection.getRemoteAddress().byteLength === 0) return;
    this.#refused += 1;
    this.#warn();
    connection.close();
  }

  closed(): void {
    this.#open -= 1;
  }

  #warn(): void {
    const now = performance.now();
    if (now - this.#warnedAt < warningEveryMs) return;
    this.#warnedAt = now;
    const fields = { maxConnections: this.#max, refused: this.#refused };
    this.#logger.warn(fields, 'too many connections: more open files would allow for more');
  }
}

/** Kept back for the store, the logs and what Node needs for itself. */
const ownFiles = 256;
const fewest = 16;

/**
 * So many clients, if each is to have its connection to an upstream.
 *
 * @param openFiles how many the process may have.
 */
export function connectionsPerWorker(openFiles: number, workers: number): number {
  return Math.max(fewest, Math.floor((openFiles - ownFiles) / 2 / workers));
}
