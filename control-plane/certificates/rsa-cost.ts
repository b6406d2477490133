import type { KeyAlgorithm } from '../../shared/gateway-model.js';

/** CPU of a full handshake next to one with P-256, as `npm run load:handshake-cpu` measures it. */
const timesP256 = [
  { upToBits: 2048, times: 3 },
  { upToBits: 3072, times: 7 },
  { upToBits: Number.POSITIVE_INFINITY, times: 17 },
] as const;

export function isRsa(keyAlgorithm: KeyAlgorithm): boolean {
  return keyAlgorithm.startsWith('rsa-');
}

/** What an RSA key costs in every full handshake, and what to use instead; `undefined` for other keys. */
export function rsaCost(keyAlgorithm: KeyAlgorithm): string | undefined {
  if (!isRsa(keyAlgorithm)) return undefined;
  const bits = Number(keyAlgorithm.slice('rsa-'.length));
  const { times } = timesP256.find(({ upToBits }) => bits <= upToBits) ?? timesP256[2];
  return `a full handshake with an RSA key of ${bits} bits takes about ${times} times the CPU of one with P-256; prefer P-256`;
}
