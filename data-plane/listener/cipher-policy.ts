/** Mozilla's server-side TLS recommendations, as far as the engine can follow them. */
export type CipherPolicy = 'intermediate' | 'modern';

/** Forward-secret AEAD suites only; the engine's own default list also offers CBC and static RSA. */
const intermediate = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/**
 * TLS 1.2 suites in the engine's notation. The TLS 1.3 suites are fixed in the engine, and so is its
 * lowest version, TLS 1.2: `modern` (TLS 1.3 alone) therefore leaves TLS 1.2 clients a single suite
 * that no client without TLS 1.3 offers, a PSK one, so that their handshakes fail.
 */
const suites: Readonly<Record<CipherPolicy, string>> = {
  intermediate,
  modern: 'ECDHE-PSK-CHACHA20-POLY1305',
};

export function tls12Ciphers(policy: CipherPolicy): string {
  return suites[policy];
}
