import { rmSync } from 'node:fs';
import { GatewayError } from '../../shared/errors.js';
import type { GatewayEvent, RecordedEvent } from '../../shared/events.js';
import type { CertificateId } from '../../shared/gateway-model.js';
import type { Logger } from '../../shared/logger.js';
import { nextRevision, type Revision } from '../../shared/revision.js';
import { isSqliteDamage } from '../../shared/sqlite.js';
import { decodeEvent } from '../events/codec.js';
import type { ControlState } from '../ports/control-state.js';
import type { EventLog } from '../ports/event-log.js';
import { type EventQuery, HistoryIndex } from './history-index.js';

/** The history index does not know all that was recorded; why is in the log. */
export class HistoryBehindError extends GatewayError {
  readonly code = 'SIGNET_HISTORY_BEHIND';

  constructor() {
    super('the history index is behind the event log; see the log of this process for the reason');
  }
}

export interface HistoryOptions {
  /** The index's database file; its directory must exist. */
  readonly path: string;
  readonly log: EventLog;
  readonly control: ControlState;
  readonly logger: Logger;
}

/** Many writes that follow each other cost one transaction. */
const flushDelayMs = 50;

/**
 * The history index, kept up with what the control plane has folded. Recording is put off for a moment, so
 * that no write waits for it, nor do nodes; whoever asks gets an index that knows all that is folded.
 */
export class History {
  readonly #options: HistoryOptions;
  readonly #index: HistoryIndex;
  #unrecorded: RecordedEvent[] = [];
  #flushing: NodeJS.Timeout | undefined;
  #catchingUp: Promise<void> | undefined;
  readonly #unsubscribe: () => void;
  #isClosed = false;

  /** Opens the index and begins to read whatever it lacks out of the log. */
  constructor(options: HistoryOptions) {
    this.#options = options;
    this.#index = openIndex(options);
    this.#dropForeign();
    this.#unsubscribe = options.control.onRecorded((events) => this.#note(events));
    if (!this.#isCurrent()) this.#startCatchingUp();
  }

  /**
   * The index, with everything in it that is folded by now.
   * @throws HistoryBehindError if it cannot be brought there, e.g. because the disk is full.
   */
  async current(): Promise<HistoryIndex> {
    this.#flush();
    if (!this.#isCurrent()) this.#startCatchingUp();
    while (this.#catchingUp !== undefined) await this.#catchingUp;
    if (!this.#isCurrent()) throw new HistoryBehindError();
    return this.#index;
  }

  /** Recorded events by revision, as the log has them. */
  async events(revisions: readonly Revision[]): Promise<RecordedEvent[]> {
    const found = new Map<Revision, RecordedEvent>();
    const wanted = new Set(revisions);
    for (const from of [...revisions].sort((a, b) => a - b)) {
      if (found.has(from)) continue;
      for await (const batch of this.#options.log.read(from)) {
        for (const stored of batch) {
          if (wanted.has(stored.revision)) found.set(stored.revision, decodeEvent(stored).recorded);
        }
        // One batch answers for all of its neighbours; what lies further on is read from there.
        break;
      }
    }
    return revisions.flatMap((revision) => found.get(revision) ?? []);
  }

  async find(query: EventQuery): Promise<RecordedEvent[]> {
    return this.events((await this.current()).find(query));
  }

  /** The upload of a certificate, also of one that is gone. */
  async upload(id: CertificateId): Promise<GatewayEvent | undefined> {
    const uploadedAt = (await this.current()).certificate(id)?.uploadedAt;
    if (uploadedAt === undefined) return undefined;
    return (await this.events([uploadedAt]))[0]?.event;
  }

  async close(): Promise<void> {
    // What is not recorded yet is read from the log at the next start.
    this.#isClosed = true;
    this.#unsubscribe();
    clearTimeout(this.#flushing);
    await this.#catchingUp;
    this.#index.close();
  }

  #dropForeign(): void {
    const { control, logger } = this.#options;
    const { head, logId } = this.#index;
    const isForeign = logId !== undefined && logId !== control.state.logId;
    const isAhead = head !== 'empty' && (control.head === 'empty' || head > control.head);
    if (!isForeign && !isAhead) return;
    logger.warn({ head }, 'the history index is of another log, or of a later one: made anew');
    this.#index.clear();
  }

  #isCurrent(): boolean {
    const { head } = this.#index;
    const folded = this.#options.control.head;
    return folded === 'empty' || (head !== 'empty' && head >= folded);
  }

  #note(events: readonly RecordedEvent[]): void {
    this.#unrecorded.push(...events);
    this.#flushing ??= setTimeout(() => this.#flush(), flushDelayMs).unref();
  }

  #flush(): void {
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
    if (this.#isClosed || this.#catchingUp !== undefined) return;
    if (this.#unrecorded.length === 0) return;
    const events = this.#unrecorded;
    this.#unrecorded = [];
    try {
      this.#index.record(events);
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'the history index fell behind, reading the log');
      this.#startCatchingUp();
    }
  }

  #startCatchingUp(): void {
    this.#catchingUp ??= this.#catchUp()
      .catch((error: unknown) => {
        this.#options.logger.error({ err: error }, 'the history index is behind');
      })
      .finally(() => {
        this.#catchingUp = undefined;
        // What came meanwhile was read from the log, or follows what was.
        this.#flush();
      });
  }

  async #catchUp(): Promise<void> {
    const { log } = this.#options;
    for await (const batch of log.read(nextRevision(this.#index.head))) {
      if (this.#isClosed) return;
      this.#index.record(batch.map((stored) => decodeEvent(stored).recorded));
      await new Promise(setImmediate);
    }
  }
}

/** A damaged index is deleted: the log makes it anew. */
function openIndex({ path, logger }: HistoryOptions): HistoryIndex {
  try {
    return new HistoryIndex(path);
  } catch (error) {
    if (!isSqliteDamage(error)) throw error;
    logger.warn({ err: error, path }, 'the history index is damaged: made anew');
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
    return new HistoryIndex(path);
  }
}
