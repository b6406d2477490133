import type { KeyObject } from 'node:crypto';

/**
 * Whether the numbers of an RSA private key fit together (RFC 8017 §3.2). OpenSSL loads a key that
 * contradicts itself; BoringSSL, in the data plane, would not, and would not say so. A handful of
 * multiplications: no primality test, as BoringSSL does none.
 */
export function isConsistentRsaKey(key: KeyObject): boolean {
  const jwk = key.export({ format: 'jwk' });
  const n = toBigInt(jwk.n);
  const e = toBigInt(jwk.e);
  const d = toBigInt(jwk.d);
  const p = toBigInt(jwk.p);
  const q = toBigInt(jwk.q);
  if (p < 2n || q < 2n || d < 1n || p * q !== n) return false;
  return (
    (d * e) % (p - 1n) === 1n &&
    (d * e) % (q - 1n) === 1n &&
    toBigInt(jwk.dp) === d % (p - 1n) &&
    toBigInt(jwk.dq) === d % (q - 1n) &&
    (toBigInt(jwk.qi) * q) % p === 1n
  );
}

function toBigInt(base64url: string | undefined): bigint {
  const hex = Buffer.from(base64url ?? '', 'base64url').toString('hex');
  return hex === '' ? 0n : BigInt(`0x${hex}`);
}
