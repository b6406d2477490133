import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import type { Logger } from '../../shared/logger.js';
import { protocolName } from '../../shared/snapshot-protocol.js';
import type { Clock } from '../ports/clock.js';
import type { ClusterCa } from './cluster-ca.js';
import { Newcomers } from './newcomers.js';

export interface StreamListenerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly ca: ClusterCa;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly handshakeTimeoutMs: number;
  /** Called after the handshake, which says nothing of who the peer is. */
  readonly meet: (socket: TLSSocket) => Promise<void>;
}

export interface StreamListener {
  readonly port: number;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** Some 50 KB each. A fleet that comes back at once is far fewer at a time. */
const maxHandshakes = 512;
const serverPairRenewalMs = 30 * 86_400_000;

/** Listens for TLS 1.3 with a certificate of the cluster's CA, which is made anew in time. */
export async function openStreamListener(options: StreamListenerOptions): Promise<StreamListener> {
  const { ca, clock, handshakeTimeoutMs, listen, logger, meet } = options;
  const server = createServer(await tlsOptions(ca, clock(), handshakeTimeoutMs), (socket) => {
    meet(socket).catch((error: unknown) => {
      logger.error({ err: error }, 'a connection to the node stream failed');
      socket.destroy();
    });
  });
  const sockets = holdSockets(server);
  server.on('tlsClientError', (error, socket) => {
    logger.debug({ err: error }, 'a handshake on the node stream failed');
    socket.destroy();
  });
  const renewal = setInterval(
    () => {
      tlsOptions(ca, clock(), handshakeTimeoutMs).then(
        (fresh) => server.setSecureContext(fresh),
        (error: unknown) =>
          logger.error({ err: error }, "the stream's certificate was not renewed"),
      );
    },
    Math.min(serverPairRenewalMs, 2 ** 31 - 1),
  ).unref();
  server.listen(listen.port, listen.host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('no TCP address');
  return {
    port: address.port,
    async close() {
      clearInterval(renewal);
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/**
 * Knows all sockets below TLS, those whose handshake never ends included, and bounds how many of these there
 * are: half-open connections cost a descriptor and memory each, and must keep no node out.
 */
function holdSockets(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  const handshakes = new Newcomers(maxHandshakes);
  const ends = new Map<string, () => void>();
  // First, as the address is gone once TLS has the socket and the peer has left.
  server.prependListener('connection', (socket: Socket) => {
    const path = pathOf(socket);
    const end = handshakes.enter(socket.remoteAddress ?? '', () => socket.destroy());
    sockets.add(socket);
    ends.set(path, end);
    socket.once('close', () => {
      sockets.delete(socket);
      end();
      if (ends.get(path) === end) ends.delete(path);
    });
  });
  server.prependListener('secureConnection', (socket: TLSSocket) => ends.get(pathOf(socket))?.());
  return sockets;
}

/** What a TLS socket and the one below it have in common, and no other at the time. */
function pathOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return [remoteAddress, remotePort, localAddress, localPort].join(' ');
}

async function tlsOptions(
  ca: ClusterCa,
  now: number,
  handshakeTimeout: number,
): Promise<TlsOptions> {
  const pair = await ca.issueServerPair(now);
  return {
    key: pair.keyPem,
    // The CA goes along: a node that joins knows it by its fingerprint only.
    cert: pair.certificatePem + ca.certificatePem,
    ca: ca.certificatePem,
    minVersion: 'TLSv1.3',
    ALPNProtocols: [protocolName],
    requestCert: true,
    // Who shows no certificate may join; one that does not hold is refused by whoever meets it.
    rejectUnauthorized: false,
    handshakeTimeout,
  };
}
