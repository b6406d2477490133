import { connect } from 'node:tls';

/** A new handshake: SHA-256 of the leaf that the server shows for `serverName`, lower-case hex. */
export function shownLeaf(port: number, serverName: string, timeoutMs = 5_000): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      // Which leaf is shown is the question, not whether it is trusted.
      { host: '127.0.0.1', port, servername: serverName, rejectUnauthorized: false },
      () => {
        const { fingerprint256 } = socket.getPeerCertificate();
        socket.destroy();
        resolve(fingerprint256.replaceAll(':', '').toLowerCase());
      },
    );
    socket.setTimeout(timeoutMs, () =>
      socket.destroy(new Error(`no handshake in ${timeoutMs} ms`)),
    );
    socket.once('error', reject);
  });
}
