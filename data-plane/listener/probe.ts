import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { connect, createSecureContext, type SecureContext } from 'node:tls';
import { readP256Key } from '../../shared/p256-key.js';
import type { ServedCertificate } from '../../shared/snapshot.js';
import { shownFingerprint } from './server-flight.js';

const probeTimeoutMs = 5_000;
/** Made once for a thread: it costs as much as the handshake. */
let secureContext: SecureContext | undefined;

/** Nobody took the connection, or answered in time: what would have been shown is not known. */
export class UnansweredError extends Error {}

/**
 * Makes one handshake with an app of this thread, or as much of one as it takes, and says what it was shown.
 *
 * @returns SHA-256 of the leaf's DER, 64 lower-case hex digits.
 * @throws UnansweredError if there was none.
 * @throws Error if the handshake fails.
 */
export async function probeFingerprint(socketPath: string, serverName: string): Promise<string> {
  const shown = await shownFingerprint(socketPath, serverName, probeTimeoutMs);
  return shown ?? (await wholeHandshake(socketPath, serverName));
}

function wholeHandshake(socketPath: string, serverName: string): Promise<string> {
  // Short keys that other clients may refuse are served too.
  secureContext ??= createSecureContext({ ciphers: 'DEFAULT@SECLEVEL=0' });
  const context = secureContext;
  return new Promise((resolve, reject) => {
    const socket = connect({
      path: socketPath,
      servername: serverName,
      secureContext: context,
      rejectUnauthorized: false, // compared by fingerprint instead
    });
    let isConnected = false;
    socket.once('connect', () => {
      isConnected = true;
    });
    socket.once('error', (error) => {
      reject(isConnected ? error : new UnansweredError(error.message));
    });
    socket.setTimeout(probeTimeoutMs, () => {
      socket.destroy(new UnansweredError('no answer in time'));
    });
    socket.once('secureConnect', () => {
      const leaf = socket.getPeerX509Certificate();
      socket.destroy();
      if (leaf === undefined) reject(new Error('no certificate was shown'));
      else resolve(leaf.fingerprint256.replaceAll(':', '').toLowerCase());
    });
  });
}

/** What is wrong with a chain and key by themselves; `undefined` if nothing is. No handshake is made. */
export function findPairFault(certificate: ServedCertificate): string | undefined {
  try {
    const leaf = new X509Certificate(certificate.chainPem);
    if (!leaf.checkPrivateKey(readKey(certificate.keyPem))) {
      return 'the key does not match the leaf';
    }
    return undefined;
  } catch {
    return 'the chain or the key does not parse'; // the error's text could quote the key
  }
}

const pkcs8Begin = '-----BEGIN PRIVATE KEY-----';

/** Most keys are P-256, and of a pair the key takes OpenSSL the longest by far. */
function readKey(keyPem: string): KeyObject {
  if (keyPem.startsWith(pkcs8Begin)) {
    const der = Buffer.from(
      keyPem.slice(pkcs8Begin.length, keyPem.lastIndexOf('-----END')),
      'base64',
    );
    const known = readP256Key(der, 'pkcs8');
    if (known !== undefined) return known.key;
  }
  return createPrivateKey(keyPem);
}
