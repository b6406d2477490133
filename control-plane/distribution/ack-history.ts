import type { Logger } from '../../shared/logger.js';
import type { Revision } from '../../shared/revision.js';
import type { RejectedEntry } from '../../shared/snapshot.js';
import type { SqliteDatabase, SqliteStatement } from '../../shared/sqlite.js';
import type { Clock } from '../ports/clock.js';

export interface RecordedAck {
  readonly nodeId: string;
  /** Milliseconds since the epoch, the control plane's clock. */
  readonly ackedAt: number;
  readonly revision: Revision;
  readonly digest: string;
  readonly rejections: readonly RejectedEntry[];
}

interface AckRow {
  readonly node_id: string;
  readonly acked_at: number;
  readonly revision: Revision;
  readonly digest: string;
  readonly rejections: string | null;
}

const flushDelayMs = 500;

export interface AckHistoryOptions {
  /** How far back `at` answers; what is older is dropped. */
  readonly retentionMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * What each node said it serves, and when: one short row for each acknowledgement, so that the
 * configuration a node served at any time is the log folded up to that row's revision. Written in
 * batches behind the fleet's back; a crash loses the last half second of it, a power cut what was not on the
 * disk yet, and nothing else.
 */
export class AckHistory {
  readonly #database: SqliteDatabase;
  readonly #options: AckHistoryOptions;
  readonly #insert: SqliteStatement<never>;
  readonly #dropBeforeClean: SqliteStatement<never>;
  readonly #dropRepeated: SqliteStatement<never>;
  #pending: RecordedAck[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(database: SqliteDatabase, options: AckHistoryOptions) {
    this.#database = database;
    this.#options = options;
    this.#insert = database.prepare('INSERT OR IGNORE INTO ack VALUES (?, ?, ?, ?, ?)');
    // What a node served at the horizon is the last row up to it. If that one rejects something, the host
    // was shown what a row before says (see `before`): the last one before each change of the rejections
    // is kept, back to the last row without any.
    this.#dropBeforeClean = database.prepare(`
      DELETE FROM ack WHERE node_id = ? AND acked_at < (
        SELECT acked_at FROM ack WHERE node_id = ? AND acked_at <= ? AND rejections IS NULL
        ORDER BY acked_at DESC LIMIT 1)`);
    this.#dropRepeated = database.prepare(`
      DELETE FROM ack AS old WHERE node_id = ? AND acked_at <= ? AND rejections = (
        SELECT rejections FROM ack AS next
        WHERE next.node_id = old.node_id AND acked_at <= ?
          AND (next.acked_at, next.revision) > (old.acked_at, old.revision)
        ORDER BY acked_at, revision LIMIT 1)`);
  }

  record(ack: RecordedAck): void {
    this.#pending.push(ack);
    this.#timer ??= setTimeout(() => this.#flushByItself(), flushDelayMs).unref();
  }

  /** The last acknowledgement of a node up to a time; `undefined` for one that lies too far back. */
  at(nodeId: string, time: number): RecordedAck | undefined {
    if (time < this.#horizon) return undefined;
    return this.#last('', nodeId, time);
  }

  /** The same node's last acknowledgement before that one of a revision below `revision`. */
  before({ nodeId, ackedAt }: RecordedAck, revision: Revision): RecordedAck | undefined {
    return this.#last('AND revision < ?', nodeId, ackedAt, revision);
  }

  #last(condition: string, ...values: (string | number)[]): RecordedAck | undefined {
    this.flush();
    const row = this.#database
      .prepare<AckRow>(`
        SELECT node_id, acked_at, revision, digest, rejections FROM ack
        WHERE node_id = ? AND acked_at <= ? ${condition}
        ORDER BY acked_at DESC, revision DESC LIMIT 1`)
      .get(...values);
    if (row === undefined) return undefined;
    const { node_id, acked_at: ackedAt, revision, digest, rejections } = row;
    // Written by `flush` from values of this type.
    const stored = rejections === null ? [] : (JSON.parse(rejections) as RejectedEntry[]);
    return { nodeId: node_id, ackedAt, revision, digest, rejections: stored };
  }

  /** The fleet is fed on, whatever becomes of its history. */
  #flushByItself(): void {
    const acks = this.#pending.length;
    try {
      this.flush();
    } catch (error) {
      this.#options.logger.error({ err: error, acks }, 'acknowledgements are lost to the history');
    }
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const acks = this.#pending;
    if (acks.length === 0) return;
    this.#pending = [];
    this.#database.write(() => {
      for (const { nodeId, ackedAt, revision, digest, rejections } of acks) {
        const stored = rejections.length === 0 ? null : JSON.stringify(rejections);
        this.#insert.run(nodeId, ackedAt, revision, digest, stored);
      }
      const horizon = this.#horizon;
      // What is too old goes when something new of the same node comes: in the long run one row for one.
      for (const nodeId of new Set(acks.map((ack) => ack.nodeId))) {
        this.#dropBeforeClean.run(nodeId, nodeId, horizon);
        this.#dropRepeated.run(nodeId, horizon, horizon);
      }
    });
  }

  get #horizon(): number {
    return this.#options.clock() - this.#options.retentionMs;
  }

  close(): void {
    this.flush();
  }
}
