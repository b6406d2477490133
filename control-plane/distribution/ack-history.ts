import type { Revision } from '../../shared/revision.js';
import type { RejectedEntry } from '../../shared/snapshot.js';
import type { SqliteDatabase } from '../../shared/sqlite.js';

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

/**
 * What each node said it serves, and when: one short row for each acknowledgement, so that the
 * configuration a node served at any time is the log folded up to that row's revision. Written in
 * batches behind the fleet's back; a crash loses the last half second of it, and nothing else.
 */
export class AckHistory {
  readonly #database: SqliteDatabase;
  #pending: RecordedAck[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  record(ack: RecordedAck): void {
    this.#pending.push(ack);
    this.#timer ??= setTimeout(() => this.flush(), flushDelayMs).unref();
  }

  /** The last acknowledgement of a node up to a time. */
  at(nodeId: string, time: number): RecordedAck | undefined {
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

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const acks = this.#pending;
    if (acks.length === 0) return;
    this.#pending = [];
    this.#database.write(() => {
      const insert = this.#database.prepare('INSERT OR IGNORE INTO ack VALUES (?, ?, ?, ?, ?)');
      for (const { nodeId, ackedAt, revision, digest, rejections } of acks) {
        const stored = rejections.length === 0 ? null : JSON.stringify(rejections);
        insert.run(nodeId, ackedAt, revision, digest, stored);
      }
    });
  }

  close(): void {
    this.flush();
  }
}
