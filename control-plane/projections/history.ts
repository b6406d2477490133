import { rmSync } from 'node:fs';
import type { GatewayEvent, RecordedEvent } from '../../shared/events.js';
import type { CertificateId } from '../../shared/gateway-model.js';
import type { Logger } from '../../shared/logger.js';
import { nextRevision, type Revision } from '../../shared/revision.js';
import { isSqliteDamage } from '../../shared/sqlite.js';
import { decodeEvent } from '../events/codec.js';
import type { ControlState } from '../ports/control-state.js';
import type { EventLog } from '../ports/event-log.js';
import { type EventQuery, HistoryIndex } from './history-index.js';

export interface HistoryOptions {
  /** The index's database file; its directory must exist. */
  readonly path: string;
  readonly log: EventLog;
  readonly control: ControlState;
  readonly logger: Logger;
}

/**
 * The history index, kept up with what the control plane has folded. Recording is put off by one turn of
 * the loop, so that no write waits for it; whoever asks gets an index that knows all that is folded.
 */
export class History {
  readonly #options: HistoryOptions;
  readonly #index: HistoryIndex;
  #unrecorded: RecordedEvent[] = [];
  #flushing: NodeJS.Immediate | undefined;
  #catchingUp: Promise<void> | undefined;
  #unsubscribe = () => {};

  private constructor(options: HistoryOptions) {
    this.#options = options;
    this.#index = openIndex(options);
  }

  /** Opens the index and reads whatever it lacks out of the log. */
  static async open(options: HistoryOptions): Promise<History> {
    const history = new History(options);
    await history.#start();
    return history;
  }

  /** The index, with everything in it that is folded by now. */
  async current(): Promise<HistoryIndex> {
    this.#flush();
    while (this.#catchingUp !== undefined) await this.#catchingUp;
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
    this.#unsubscribe();
    clearImmediate(this.#flushing);
    await this.#catchingUp;
    this.#flush();
    this.#index.close();
  }

  async #start(): Promise<void> {
    const { control, logger } = this.#options;
    const isForeign = this.#index.logId !== undefined && this.#index.logId !== control.state.logId;
    const { head } = this.#index;
    const isAhead = head !== 'empty' && (control.head === 'empty' || head > control.head);
    if (isForeign || isAhead) {
      logger.warn({ head }, 'the history index is of another log, or of a later one: made anew');
      this.#index.clear();
    }
    this.#unsubscribe = control.onRecorded((events) => this.#note(events));
    await this.#catchUp();
  }

  #note(events: readonly RecordedEvent[]): void {
    this.#unrecorded.push(...events);
    this.#flushing ??= setImmediate(() => this.#flush());
  }

  #flush(): void {
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    if (this.#unrecorded.length === 0 || this.#catchingUp !== undefined) return;
    const events = this.#unrecorded;
    this.#unrecorded = [];
    try {
      this.#index.record(events);
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'the history index fell behind, reading the log');
      this.#catchingUp = this.#catchUp()
        .catch((cause: unknown) => {
          this.#options.logger.error({ err: cause }, 'the history index is behind');
        })
        .finally(() => {
          this.#catchingUp = undefined;
        });
    }
  }

  async #catchUp(): Promise<void> {
    const { log } = this.#options;
    for await (const batch of log.read(nextRevision(this.#index.head))) {
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
