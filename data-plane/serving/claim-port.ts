import { createServer } from 'node:net';
import { formatListenAddress, type ListenAddress } from '../../shared/listen-address.js';

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there; stop it or choose another port',
  EACCES: 'ports below 1024 need a privilege; choose another port or grant CAP_NET_BIND_SERVICE',
  EADDRNOTAVAIL: 'the address is none of this machine',
};

/**
 * Tries an address out before serving processes share it: among them the engine's listen sockets
 * succeed next to those of anybody else of the same user, and would take half of the connections.
 *
 * @returns the address with the port that the system chose where 0 was asked for.
 * @throws Error if it can't be had, with the reason and the mend.
 */
export function claimPort(address: ListenAddress): Promise<ListenAddress> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = reasons[error.code ?? ''] ?? error.message;
      reject(new Error(`can't listen on ${formatListenAddress(address)}: ${reason}`));
    });
    server.listen({ ...address, exclusive: true }, () => {
      const bound = server.address();
      const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
      server.close(() => resolve({ ...address, port }));
    });
  });
}
