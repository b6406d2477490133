import type { KeyObject } from 'node:crypto';
import type { Logger } from '../../shared/logger.js';
import type { Revision } from '../../shared/revision.js';
import { signCheckpoint } from '../events/checkpoint.js';
import type { CheckpointStore } from '../ports/checkpoint-store.js';
import type { Clock } from '../ports/clock.js';
import type { FoldedLog } from './folded-log.js';

export interface CheckpointerOptions {
  readonly folded: FoldedLog;
  readonly store: CheckpointStore;
  readonly privateKey: KeyObject;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Events after the latest checkpoint that make a new one due, default 1000. */
  readonly everyEvents?: number;
  /** The longest that new events wait for a checkpoint, in milliseconds; default one hour. */
  readonly everyMs?: number;
  /** Where the latest checkpoint stands, if there is one. */
  readonly signedAt?: Revision;
}

/** Signs where the log stands: after so many events, after so long, and at the end. */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #stop: () => void;
  readonly #timer: NodeJS.Timeout;
  #signedAt: number;
  #signing: Promise<void> | undefined;

  constructor(options: CheckpointerOptions) {
    const { folded, everyEvents = 1000, everyMs = 3_600_000 } = options;
    this.#options = options;
    this.#signedAt = options.signedAt ?? -1;
    this.#stop = folded.onRecorded(() => {
      if (this.#unsigned() >= everyEvents) this.#signSoon();
    });
    this.#timer = setInterval(() => this.#signSoon(), everyMs).unref();
  }

  /** Signs the head, unless it is signed already; joins a signing that is under way. */
  sign(): Promise<void> {
    this.#signing ??= this.#sign().finally(() => {
      this.#signing = undefined;
    });
    return this.#signing;
  }

  /** Signs the last events. */
  async close(): Promise<void> {
    this.#stop();
    clearInterval(this.#timer);
    await this.#signing;
    await this.sign();
  }

  #unsigned(): number {
    const { head } = this.#options.folded;
    return head === 'empty' ? 0 : head - this.#signedAt;
  }

  #signSoon(): void {
    this.sign().catch((error) => {
      this.#options.logger.error({ err: error }, 'no checkpoint of the event log could be written');
    });
  }

  async #sign(): Promise<void> {
    const { folded, store, privateKey, clock, logger } = this.#options;
    const { chain, state } = folded;
    const { revision, hash } = chain;
    if (revision === 'empty' || state.logId === undefined || this.#unsigned() <= 0) return;
    const time = new Date(clock()).toISOString();
    const checkpoint = signCheckpoint(privateKey, { logId: state.logId, revision, hash, time });
    await store.append(checkpoint);
    this.#signedAt = revision;
    // Into the log too: whoever collects it holds a copy that the data directory's owner cannot change.
    logger.info({ checkpoint }, 'checkpoint of the event log');
  }
}
