import type { ClusterNode, NodeId } from '../../shared/gateway-model.js';
import {
  createJoinToken,
  formatJoinToken,
  hashJoinSecret,
  type JoinToken,
} from '../../shared/join-token.js';
import { openSqlite, type SqliteDatabase } from '../../shared/sqlite.js';
import type { AdmitNode, RevokeNode } from '../domain/commands.js';
import type { GatewayState, ServedByNode } from '../domain/state.js';

const migrations: readonly string[] = [
  `
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

/** Opens the control plane's own file of join tokens and acknowledgements. */
export function openClusterDatabase(path: string): SqliteDatabase {
  const database = openSqlite({ path });
  database.migrate(migrations);
  return database;
}

export interface ClusterMembersOptions {
  readonly database: SqliteDatabase;
  readonly state: () => GatewayState;
  /** Records a change of membership in the event log, where every control plane sees it. */
  readonly execute: (command: AdmitNode | RevokeNode, actor: string) => Promise<void>;
}

/**
 * Which nodes belong to the cluster, and which tokens let another one in. Membership is part of the
 * event log, and so the same for all control planes of it; a token is good at the one that issued it.
 */
export class ClusterMembers {
  readonly #options: ClusterMembersOptions;

  constructor(options: ClusterMembersOptions) {
    this.#options = options;
  }

  /** Makes a token that lets one node in until it expires. Its secret is stored hashed only. */
  issueToken(caFingerprint256: string, expiresAt: number): string {
    const token = createJoinToken(caFingerprint256);
    this.#storeToken(hashJoinSecret(token), expiresAt);
    return formatJoinToken(token);
  }

  /**
   * Spends a token and lets a node in; `false` if it is unknown, spent or expired. Of two at a time one
   * gets in. If the log can't be written, the token stays good.
   */
  async admit(token: JoinToken, node: ClusterNode): Promise<boolean> {
    const secretHash = hashJoinSecret(token);
    const expiresAt = this.#spendToken(secretHash, node.joinedAt);
    if (expiresAt === undefined) return false;
    try {
      await this.#options.execute({ type: 'AdmitNode', node }, `node ${node.name}`);
      return true;
    } catch (error) {
      this.#storeToken(secretHash, expiresAt);
      throw error;
    }
  }

  isMember(id: string): boolean {
    // Whatever stands in a certificate: an id that no node has finds none.
    return this.#options.state().nodes.has(id as NodeId);
  }

  member(id: string): ClusterNode | undefined {
    return this.#options.state().nodes.get(id as NodeId);
  }

  /** What a node was recorded to serve, at whichever control plane. */
  servedBy(id: NodeId): ServedByNode | undefined {
    return this.#options.state().servedByNode.get(id);
  }

  /** Of all members, in no order. */
  ids(): Iterable<NodeId> {
    return this.#options.state().nodes.keys();
  }

  /** In the order in which they joined. */
  members(): readonly ClusterNode[] {
    const { nodes } = this.#options.state();
    return [...nodes.values()].sort((left, right) => left.joinedAt - right.joinedAt);
  }

  /** Resolves once it stands in the log; each control plane then cuts the node off. */
  revoke(nodeId: NodeId, actor: string): Promise<void> {
    return this.#options.execute({ type: 'RevokeNode', nodeId }, actor);
  }

  #storeToken(secretHash: string, expiresAt: number): void {
    this.#options.database
      .prepare('INSERT INTO join_token VALUES (?, ?)')
      .run(secretHash, expiresAt);
  }

  /** @returns when the token would have expired; `undefined` if it was not good. */
  #spendToken(secretHash: string, now: number): number | undefined {
    const { database } = this.#options;
    return database.write(() => {
      database.prepare('DELETE FROM join_token WHERE expires_at <= ?').run(now);
      return database
        .prepare<{ expires_at: number }>(
          'DELETE FROM join_token WHERE secret_hash = ? RETURNING expires_at',
        )
        .get(secretHash)?.expires_at;
    });
  }
}
