import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import { toNetwork } from './guess-limiter.js';

export interface ConnectionLimits {
  /** Of all callers together. Default 4,096. */
  readonly total?: number;
  /** Of one address, or one IPv6 network. Default 1,024. */
  readonly perNetwork?: number;
  /** Requests of one connection that wait for their answers. Default 16; hardly any client pipelines. */
  readonly pipelined?: number;
}

/**
 * Bounds what costs something before a credential is seen: sockets, TLS handshakes, and requests that are
 * sent without waiting for answers. Connections beyond are closed without an answer.
 *
 * @param server of HTTP
 */
export function limitConnections(server: Server, limits: ConnectionLimits = {}): void {
  const { total = 4_096, perNetwork = 1_024, pipelined = 16 } = limits;
  const open = new Map<string, number>();
  server.maxConnections = total;
  server.prependListener('connection', (socket: Socket) => {
    const network = toNetwork(socket.remoteAddress ?? '');
    const count = (open.get(network) ?? 0) + 1;
    open.set(network, count);
    socket.once('close', () => {
      const left = (open.get(network) ?? 1) - 1;
      if (left === 0) open.delete(network);
      else open.set(network, left);
    });
    if (count > perNetwork) socket.destroy();
  });
  const waiting = new WeakMap<Socket, number>();
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const count = (waiting.get(socket) ?? 0) + 1;
    waiting.set(socket, count);
    response.once('close', () => waiting.set(socket, (waiting.get(socket) ?? 1) - 1));
    if (count > pipelined) socket.destroy();
  });
}
