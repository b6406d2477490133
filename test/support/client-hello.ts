import { createServer } from 'node:net';
import { connect } from 'node:tls';

/** The bytes of a TLS client's first flight. */
export function clientHello(servername: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => {}); // the client is cut off, as it should be
      socket.once('data', (bytes) => {
        socket.destroy();
        server.close();
        resolve(bytes);
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') return reject(new Error('no port'));
      connect({ host: '127.0.0.1', port: address.port, servername }).on('error', () => {});
    });
  });
}
