import { connect } from 'node:tls';

const timeoutMs = 2_000;
const request = [
  'GET / HTTP/1.1',
  'Host: upgrade-context.invalid',
  'Connection: close',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  '\r\n',
].join('\r\n');

/**
 * Sends an app of this thread the request that makes it known to its WebSocket route: only a request
 * on the default router that looks like an upgrade brings the engine's context along. Resolves in
 * any case: without the context WebSocket handshakes are refused, and all else works.
 */
export function teachUpgradeContext(socketPath: string): Promise<void> {
  return new Promise((resolve) => {
    // The app's own default certificate, over a socket of a private directory.
    const socket = connect({ path: socketPath, rejectUnauthorized: false }, () => {
      socket.write(request, 'latin1');
    });
    socket.setTimeout(timeoutMs, () => socket.destroy());
    // Any answer will do; it is sent after the route has run.
    socket.once('data', () => socket.destroy());
    socket.once('error', () => socket.destroy());
    socket.once('close', () => resolve());
  });
}
