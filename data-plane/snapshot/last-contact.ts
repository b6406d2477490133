import { closeSync, futimesSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../../shared/logger.js';

/** How exactly it is known after a crash. */
const noteEveryMs = 10_000;

/**
 * When the node last heard of a control plane, as the time stamp of an empty file: a node that is started
 * anew during an outage knows since when it has been on its own. Times are milliseconds since the epoch.
 */
export class LastContact {
  readonly #path: string;
  readonly #logger: Logger;
  #notedAt = Number.NEGATIVE_INFINITY;

  constructor(dataDirectory: string, logger: Logger) {
    this.#path = join(dataDirectory, 'last-contact');
    this.#logger = logger;
  }

  /** `undefined` if there never was one. */
  get at(): number | undefined {
    return statSync(this.#path, { throwIfNoEntry: false })?.mtimeMs;
  }

  /** The control plane is there. May be called as often as one likes. */
  heard(now: number): void {
    if (Math.abs(now - this.#notedAt) >= noteEveryMs) this.note(now);
  }

  note(now: number): void {
    this.#notedAt = now;
    try {
      const file = openSync(this.#path, 'a', 0o600);
      try {
        futimesSync(file, now / 1000, now / 1000);
      } finally {
        closeSync(file);
      }
    } catch (error) {
      // A disk that can't take this will be heard of for better reasons; the stream goes on.
      this.#logger.warn({ err: error }, 'the last contact to a control plane could not be noted');
    }
  }
}
