import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/**
 * Ends, when the server closes, connections that never carried a request. Node takes those for busy, and
 * browsers open some in store: without this an orderly end would wait for them until its time is over.
 */
export function endUnusedConnections(server: FastifyInstance): void {
  const unused = new Set<Socket>();
  const note = (socket: Socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  };
  // With TLS a request belongs to the socket of the second event.
  server.server.on('connection', note);
  server.server.on('secureConnection', note);
  server.server.on('request', ({ socket }: { readonly socket: Socket }) => {
    unused.delete(socket);
  });
  server.addHook('preClose', async () => {
    for (const socket of unused) {
      // Beneath TLS there is a raw socket that never has a request of its own.
      if (!isCarrier(socket, server)) socket.destroy();
    }
  });
}

function isCarrier(socket: Socket, { server }: FastifyInstance): boolean {
  return 'setSecureContext' in server && !('encrypted' in socket);
}
