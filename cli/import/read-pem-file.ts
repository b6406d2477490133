import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parseChain } from '../../control-plane/certificates/parse-chain.js';
import { parsePrivateKey } from '../../control-plane/certificates/parse-key.js';
import { withoutPrivateKeys } from '../pem-text.js';

/** A chain that a file holds. */
export interface FoundChain {
  readonly file: string;
  /** SHA-256 of the leaf, 64 lower-case hex digits. */
  readonly fingerprint256: string;
  readonly names: readonly string[];
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
  /** How many certificates, the leaf included. */
  readonly certificates: number;
  /** The first certificate is one of an authority: intermediates kept in a file of their own. */
  readonly isAuthority: boolean;
  /** What the leaf's key has in common with its private key. */
  readonly keyId: string;
}

/** A private key that a file holds. The key itself stays in the file until it is uploaded. */
export interface FoundKey {
  readonly file: string;
  readonly keyId: string;
}

export interface PemFileContent {
  readonly chains: readonly FoundChain[];
  readonly keys: readonly FoundKey[];
  readonly refused: readonly { readonly file: string; readonly reason: string }[];
}

/** Piscina's task: reads and checks some files. Nothing secret comes back. */
export default async function readPemFiles(files: readonly string[]): Promise<PemFileContent> {
  const chains: FoundChain[] = [];
  const keys: FoundKey[] = [];
  const refused: { file: string; reason: string }[] = [];
  for (const file of files) {
    const text = await readFile(file, 'utf8');
    if (text.includes('-----BEGIN CERTIFICATE-----')) {
      const chain = parseChain(withoutPrivateKeys(text));
      if (chain.ok) {
        const { fingerprint256, names, notAfter, leaf, intermediates } = chain.value;
        chains.push({
          ...{ file, fingerprint256, names, notAfter },
          certificates: 1 + intermediates.length,
          isAuthority: leaf.ca,
          keyId: idOf(leaf.publicKey),
        });
      } else refused.push({ file, reason: chain.fault.reason });
    }
    if (text.includes('PRIVATE KEY-----')) {
      const key = parsePrivateKey(text);
      if (key.ok) keys.push({ file, keyId: idOf(createPublicKey(key.value.key)) });
      else refused.push({ file, reason: key.fault.reason });
    }
  }
  return { chains, keys, refused };
}

function idOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}
