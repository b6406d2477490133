import {
  createJoinToken,
  formatJoinToken,
  hashJoinSecret,
  type JoinToken,
} from '../../shared/join-token.js';
import { openSqlite, type SqliteDatabase } from '../../shared/sqlite.js';

export interface ClusterMember {
  /** UUID v4, lower case; stands in the node's certificate. */
  readonly id: string;
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly joinedAt: number;
  /** Milliseconds since the epoch; absent for as long as the node is admitted. */
  readonly revokedAt?: number;
}

interface MemberRow {
  readonly id: string;
  readonly name: string;
  readonly joined_at: number;
  readonly revoked_at: number | null;
}

const migrations: readonly string[] = [
  `
  CREATE TABLE member (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    joined_at INTEGER NOT NULL,
    revoked_at INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE join_token (
    secret_hash TEXT PRIMARY KEY,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE ack (
    node_id TEXT NOT NULL,
    acked_at INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    digest TEXT NOT NULL,
    rejections TEXT,
    PRIMARY KEY (node_id, acked_at, revision)
  ) STRICT, WITHOUT ROWID;
  `,
];

/** Which nodes belong to the cluster, and which tokens let another one in. */
export interface ClusterMembers {
  /** Makes a token that lets one node in until it expires. Its secret is stored hashed only. */
  issueToken(caFingerprint256: string, expiresAt: number): string;
  /** Spends a token and lets a node in; `false` if it is unknown, spent or expired. Of two at a time one gets in. */
  admit(token: JoinToken, node: { id: string; name: string }, now: number): boolean;
  member(id: string): ClusterMember | undefined;
  /** In the order in which they joined. */
  members(): readonly ClusterMember[];
  /** The node as it was, `undefined` if there is none or it was revoked before. */
  revoke(id: string, now: number): ClusterMember | undefined;
}

/** Opens the control plane's file of members, tokens and acknowledgements. */
export function openClusterDatabase(path: string): SqliteDatabase {
  const database = openSqlite({ path });
  database.migrate(migrations);
  return database;
}

export function clusterMembers(database: SqliteDatabase): ClusterMembers {
  const columns = 'id, name, joined_at, revoked_at';
  const one = database.prepare<MemberRow>(`SELECT ${columns} FROM member WHERE id = ?`);
  const all = database.prepare<MemberRow>(`SELECT ${columns} FROM member ORDER BY joined_at, id`);
  const insert = database.prepare('INSERT INTO member VALUES (?, ?, ?, NULL)');
  const insertToken = database.prepare('INSERT INTO join_token VALUES (?, ?)');
  const spendToken = database.prepare(
    'DELETE FROM join_token WHERE secret_hash = ? AND expires_at > ?',
  );
  const dropExpired = database.prepare('DELETE FROM join_token WHERE expires_at <= ?');
  const revoke = database.prepare(
    'UPDATE member SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL',
  );
  /** Asked after every acknowledgement; this process is the file's only writer. */
  let known: readonly ClusterMember[] | undefined;
  return {
    issueToken(caFingerprint256, expiresAt) {
      const token = createJoinToken(caFingerprint256);
      insertToken.run(hashJoinSecret(token), expiresAt);
      return formatJoinToken(token);
    },
    admit(token, { id, name }, now) {
      known = undefined;
      return database.write(() => {
        const isSpent = spendToken.run(hashJoinSecret(token), now).changes === 1;
        dropExpired.run(now);
        if (isSpent) insert.run(id, name, now);
        return isSpent;
      });
    },
    member(id) {
      const row = one.get(id);
      return row && memberOf(row);
    },
    members() {
      known ??= all.all().map(memberOf);
      return known;
    },
    revoke(id, now) {
      known = undefined;
      const row = one.get(id);
      return row && revoke.run(now, id).changes === 1 ? memberOf(row) : undefined;
    },
  };
}

function memberOf(row: MemberRow): ClusterMember {
  const { id, name, joined_at: joinedAt, revoked_at: revokedAt } = row;
  return revokedAt === null ? { id, name, joinedAt } : { id, name, joinedAt, revokedAt };
}
