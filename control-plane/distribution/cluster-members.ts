import type { ClusterNode, NodeId } from '../../shared/gateway-model.js';
import type { JoinToken } from '../../shared/join-token.js';
import { openSqlite, type SqliteDatabase } from '../../shared/sqlite.js';
import type { AdmitNode } from '../domain/commands.js';
import type { GatewayState, ServedByNode } from '../domain/state.js';
import type { JoinTokens } from './join-tokens.js';

const migrations: readonly string[] = [
  `
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

/** Opens the control plane's own file of acknowledgements. */
export function openClusterDatabase(path: string): SqliteDatabase {
  const database = openSqlite({ path });
  // Nothing in it is secret, and no node depends on what a power cut takes of it: writes to the nodes need not
  // wait for the disk, as they did for up to 0.4 s on a busy one.
  database.exec('PRAGMA synchronous = NORMAL; PRAGMA secure_delete = OFF');
  database.migrate(migrations);
  return database;
}

export interface ClusterMembersOptions {
  readonly tokens: JoinTokens;
  readonly state: () => GatewayState;
  /** Records an admission in the event log, where every control plane sees it. */
  readonly execute: (command: AdmitNode, actor: string) => Promise<void>;
}

/**
 * Which nodes belong to the cluster, and who may join it. Membership is part of the event log, and so the
 * same for all control planes of it; so are the tokens, in a log of their own.
 */
export class ClusterMembers {
  readonly #options: ClusterMembersOptions;

  constructor(options: ClusterMembersOptions) {
    this.#options = options;
  }

  /** Makes a token that lets one node in until it expires. */
  issueToken(caFingerprint256: string, expiresAt: number): Promise<string> {
    return this.#options.tokens.issue(caFingerprint256, expiresAt);
  }

  /**
   * Spends a token and lets a node in; `false` if the token is not good. If the node can't be recorded, it
   * stays good.
   */
  async admit(token: JoinToken, node: ClusterNode): Promise<boolean> {
    const giveBack = await this.#options.tokens.spend(token, node.joinedAt);
    if (giveBack === undefined) return false;
    try {
      await this.#options.execute({ type: 'AdmitNode', node }, `node ${node.name}`);
      return true;
    } catch (error) {
      await giveBack().catch((fault: unknown) => {
        // Which is better than good twice.
        throw new AggregateError(
          [error, fault],
          'the node was not recorded, and its token is spent',
        );
      });
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
  servedBy(id: string): ServedByNode | undefined {
    return this.#options.state().servedByNode.get(id as NodeId);
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
}
