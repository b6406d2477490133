import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import { type FrameSocket, frameSocket } from '../../shared/frame-socket.js';
import { formatListenAddress } from '../../shared/listen-address.js';
import type { Logger } from '../../shared/logger.js';
import { encodeMessage, protocolName } from '../../shared/snapshot-protocol.js';
import type { Clock } from '../ports/clock.js';
import type { ControlState } from '../ports/control-state.js';
import type { KeyVault } from '../ports/key-vault.js';
import type { ClusterCa } from './cluster-ca.js';
import type { ClusterMembers } from './cluster-members.js';
import { answerJoin } from './join.js';
import type { NodeRegistry } from './node-registry.js';
import { NodeSession } from './node-session.js';
import type { SnapshotFeed } from './snapshot-feed.js';
import { SnapshotEncoder } from './snapshot-messages.js';

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
}

/** The stream's listener: nodes that were admitted get snapshots, others may only join. */
export interface NodeServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Peers that have not shown a certificate: so many at a time, and no longer than this. */
const maxStrangers = 64;
const strangerTimeoutMs = 10_000;
const serverPairRenewalMs = 30 * 86_400_000;

export async function startNodeServer(options: NodeServerOptions): Promise<NodeServer> {
  const { ca, clock, feed, keyVault, listen, logger, members, registry } = options;
  const encoder = new SnapshotEncoder(feed, keyVault, logger);
  const sessions = new Map<string, NodeSession>();
  /** Below TLS: one whose handshake never ends has to go too. */
  const sockets = new Set<Socket>();
  let strangers = 0;

  const serve = async (nodeId: string, address: string, connection: FrameSocket) => {
    const session = new NodeSession({
      nodeId,
      address,
      connection,
      feed,
      encoder,
      registry,
      version: options.version,
      keepAliveMs: options.keepAliveMs ?? 5000,
      renewCertificate: (csrPem) => ca.issueNodeCertificate(csrPem, nodeId, clock()),
      logger,
    });
    sessions.get(nodeId)?.cut('the node connected again');
    sessions.set(nodeId, session);
    await session.run();
    if (sessions.get(nodeId) === session) sessions.delete(nodeId);
  };

  const meetStranger = async (address: string, connection: FrameSocket) => {
    strangers += 1;
    const timer = setTimeout(() => connection.destroy(), strangerTimeoutMs);
    try {
      if (strangers > maxStrangers) return connection.destroy();
      await answerJoin({ connection, address, ca, members, clock, logger });
    } finally {
      clearTimeout(timer);
      strangers -= 1;
    }
  };

  const accept = async (socket: TLSSocket) => {
    const connection = frameSocket(socket);
    const address = addressOf(socket);
    if (socket.alpnProtocol !== protocolName) return connection.destroy();
    const nodeId = authenticatedNode(socket);
    if (nodeId === undefined) return meetStranger(address, connection);
    if (!members.isMember(nodeId)) {
      logger.warn({ nodeId, address }, 'a node that is not admitted was refused');
      return refuse(connection, 'this node is not admitted, or was revoked: it has to join again');
    }
    return serve(nodeId, address, connection);
  };

  // Whichever control plane a node was revoked at: it is cut off here as soon as the event is known.
  const unwatch = options.control.onRecorded((events) => {
    for (const { event } of events) {
      if (event.type === 'NodeAdmitted' || event.type === 'RevisionServed') {
        registry.membersChanged();
      }
      if (event.type !== 'NodeRevoked') continue;
      const { nodeId } = event.data;
      logger.warn({ nodeId }, 'a node was revoked');
      sessions.get(nodeId)?.cut('this node was revoked');
      registry.membersChanged();
    }
  });
  const server = createServer(await tlsOptions(ca, clock()), (socket) => {
    accept(socket).catch((error: unknown) => {
      logger.error({ err: error }, 'a connection to the node stream failed');
      socket.destroy();
    });
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', (error, socket) => {
    logger.debug({ err: error }, 'a handshake on the node stream failed');
    socket.destroy();
  });
  const renewal = setInterval(
    () => {
      tlsOptions(ca, clock()).then(
        (fresh) => server.setSecureContext(fresh),
        (error: unknown) =>
          logger.error({ err: error }, "the stream's certificate was not renewed"),
      );
    },
    Math.min(serverPairRenewalMs, 2 ** 31 - 1),
  ).unref();
  const port = await startListening(server, listen);
  logger.info({ host: listen.host, port }, 'waiting for nodes');

  return {
    port,
    async close() {
      clearInterval(renewal);
      unwatch();
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function tlsOptions(ca: ClusterCa, now: number): Promise<TlsOptions> {
  const pair = await ca.issueServerPair(now);
  return {
    key: pair.keyPem,
    // The CA goes along: a node that joins knows it by its fingerprint only.
    cert: pair.certificatePem + ca.certificatePem,
    ca: ca.certificatePem,
    minVersion: 'TLSv1.3',
    ALPNProtocols: [protocolName],
    requestCert: true,
    // Who shows no certificate may join; one that does not hold is refused below.
    rejectUnauthorized: false,
    handshakeTimeout: strangerTimeoutMs,
  };
}

/** The node that the peer's certificate names, if the cluster's CA signed it for a client and it is valid now. */
function authenticatedNode(socket: TLSSocket): string | undefined {
  if (!socket.authorized) return undefined;
  const names = socket.getPeerX509Certificate()?.subjectAltName ?? '';
  return /^URI:urn:signet:node:([0-9a-f-]{36})$/.exec(names)?.[1];
}

function addressOf({ remoteAddress = '', remotePort = 0 }: TLSSocket): string {
  return formatListenAddress({ host: remoteAddress, port: remotePort });
}

function refuse(connection: FrameSocket, reason: string): void {
  connection.end(encodeMessage({ type: 'refused', reason }));
}

async function startListening(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<number> {
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('no TCP address');
  return address.port;
}
