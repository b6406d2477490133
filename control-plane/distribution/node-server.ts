import type { TLSSocket } from 'node:tls';
import { type FrameSocket, frameSocket } from '../../shared/frame-socket.js';
import { formatListenAddress, type ListenAddress } from '../../shared/listen-address.js';
import type { Logger } from '../../shared/logger.js';
import { encodeMessage, protocolName } from '../../shared/snapshot-protocol.js';
import type { Clock } from '../ports/clock.js';
import type { ControlState } from '../ports/control-state.js';
import type { KeyVault } from '../ports/key-vault.js';
import type { ClusterCa } from './cluster-ca.js';
import type { ClusterMembers } from './cluster-members.js';
import { answerJoin } from './join.js';
import { Newcomers } from './newcomers.js';
import type { NodeRegistry } from './node-registry.js';
import { NodeSession } from './node-session.js';
import type { SnapshotFeed } from './snapshot-feed.js';
import { SnapshotEncoder } from './snapshot-messages.js';
import { openStreamListener } from './stream-listener.js';

export interface NodeServerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly ca: ClusterCa;
  readonly control: ControlState;
  readonly members: ClusterMembers;
  readonly registry: NodeRegistry;
  readonly feed: SnapshotFeed;
  readonly keyVault: KeyVault;
  /** Of this control plane. */
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often either side gives a sign of life. Default 5000. */
  readonly keepAliveMs?: number;
  /** How long a handshake may take, and then a join. Default 10,000. */
  readonly strangerTimeoutMs?: number;
}

/** The stream's listener: nodes that were admitted get snapshots, others may only join. */
export interface NodeServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Peers that have not shown a certificate: so many at a time, and no longer than `strangerTimeoutMs`. */
const maxStrangers = 64;

export async function startNodeServer(options: NodeServerOptions): Promise<NodeServer> {
  const { ca, clock, listen, logger, registry, strangerTimeoutMs = 10_000 } = options;
  const peers = new Peers({ ...options, strangerTimeoutMs });
  // Whichever control plane a node was revoked at: it is cut off here as soon as the event is known.
  const unwatch = options.control.onRecorded((events) => {
    for (const { event } of events) {
      const { type } = event;
      if (type === 'NodeRevoked') peers.revoked(event.data.nodeId);
      if (type === 'NodeRevoked' || type === 'NodeAdmitted' || type === 'RevisionServed') {
        registry.membersChanged();
      }
    }
  });
  const listener = await openStreamListener({
    listen,
    ca,
    clock,
    logger,
    handshakeTimeoutMs: strangerTimeoutMs,
    meet: (socket) => peers.meet(socket),
  });
  logger.info({ host: listen.host, port: listener.port }, 'waiting for nodes');
  return {
    port: listener.port,
    close() {
      unwatch();
      return listener.close();
    },
  };
}

/** Tells peers apart once their handshake is over, and holds the sessions of those that are nodes. */
class Peers {
  readonly #options: NodeServerOptions & { readonly strangerTimeoutMs: number };
  readonly #encoder: SnapshotEncoder;
  readonly #sessions = new Map<string, NodeSession>();
  readonly #strangers = new Newcomers(maxStrangers);

  constructor(options: NodeServerOptions & { readonly strangerTimeoutMs: number }) {
    this.#options = options;
    this.#encoder = new SnapshotEncoder(options.feed, options.keyVault, options.logger);
  }

  /** Resolves when the connection has ended. */
  async meet(socket: TLSSocket): Promise<void> {
    const { members, logger } = this.#options;
    const connection = frameSocket(socket);
    if (socket.alpnProtocol !== protocolName) return connection.destroy();
    const nodeId = authenticatedNode(socket);
    const { remoteAddress: host = '', remotePort: port = 0 } = socket;
    if (nodeId === undefined) return this.#join(connection, { host, port });
    const address = formatListenAddress({ host, port });
    if (members.isMember(nodeId)) return this.#serve(nodeId, address, connection);
    logger.warn({ nodeId, address }, 'a node that is not admitted was refused');
    const reason = 'this node is not admitted, or was revoked: it has to join again';
    connection.end(encodeMessage({ type: 'refused', reason }));
  }

  revoked(nodeId: string): void {
    this.#options.logger.warn({ nodeId }, 'a node was revoked');
    this.#sessions.get(nodeId)?.cut('this node was revoked');
  }

  async #join(connection: FrameSocket, from: ListenAddress): Promise<void> {
    const { ca, members, clock, logger, strangerTimeoutMs } = this.#options;
    const end = () => connection.destroy();
    const leave = this.#strangers.enter(from.host, end);
    const timer = setTimeout(end, strangerTimeoutMs);
    try {
      const address = formatListenAddress(from);
      await answerJoin({ connection, address, ca, members, clock, logger });
    } finally {
      clearTimeout(timer);
      leave();
    }
  }

  async #serve(nodeId: string, address: string, connection: FrameSocket): Promise<void> {
    const { ca, clock, feed, keepAliveMs = 5000, logger, registry, version } = this.#options;
    const session = new NodeSession({
      ...{ nodeId, address, connection, feed, registry, version, keepAliveMs, logger },
      encoder: this.#encoder,
      renewCertificate: (csrPem) => ca.issueNodeCertificate(csrPem, nodeId, clock()),
    });
    this.#sessions.get(nodeId)?.cut('the node connected again');
    this.#sessions.set(nodeId, session);
    await session.run();
    if (this.#sessions.get(nodeId) === session) this.#sessions.delete(nodeId);
  }
}

/** The node that the peer's certificate names, if the cluster's CA signed it for a client and it is valid now. */
function authenticatedNode(socket: TLSSocket): string | undefined {
  if (!socket.authorized) return undefined;
  const names = socket.getPeerX509Certificate()?.subjectAltName ?? '';
  return /^URI:urn:signet:node:([0-9a-f-]{36})$/.exec(names)?.[1];
}
