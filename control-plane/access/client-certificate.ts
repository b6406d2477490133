import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/**
 * Fingerprint of the certificate that a client proved in the TLS handshake to have the key of, if its
 * dates hold. No issuer vouches for it: it is known by its fingerprint, or it is not.
 */
export function clientCertificateFingerprint(socket: Socket, now: number): string | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  if (Date.parse(certificate.validFrom) > now || Date.parse(certificate.validTo) <= now) {
    return undefined;
  }
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase();
}
