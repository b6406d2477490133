import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parseChain } from '../../control-plane/certificates/parse-chain.js';
import { parsePrivateKey } from '../../control-plane/certificates/parse-key.js';
import type { KeyAlgorithm } from '../../shared/gateway-model.js';
import { withoutPrivateKeys } from '../pem-text.js';
import { isMissing } from './sources/file-tree.js';
import type { PemText } from './sources/source.js';

/** A chain that a text holds. */
export interface FoundChain {
  /** Of the text. */
  readonly name: string;
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
  readonly keyAlgorithm: KeyAlgorithm;
}

/** A private key that a text holds. The key itself stays there until it is uploaded. */
export interface FoundKey {
  readonly name: string;
  readonly keyId: string;
}

export interface PemContent {
  readonly chains: readonly FoundChain[];
  readonly keys: readonly FoundKey[];
  readonly refused: readonly { readonly name: string; readonly reason: string }[];
}

/** Piscina's task: reads and checks some texts. Nothing secret comes back. */
export default async function readPemTexts(texts: readonly PemText[]): Promise<PemContent> {
  const chains: FoundChain[] = [];
  const keys: FoundKey[] = [];
  const refused: { name: string; reason: string }[] = [];
  for (const text of texts) {
    const { name } = text;
    const refuse = (reason: string) => refused.push({ name, reason });
    const pem = await readPemText(text).catch((error: unknown) => {
      refuse(whyUnreadable(error));
      return '';
    });
    if (pem.includes('-----BEGIN CERTIFICATE-----')) {
      const chain = parseChain(withoutPrivateKeys(pem));
      if (chain.ok) {
        const { fingerprint256, names, notAfter, keyAlgorithm, leaf, intermediates } = chain.value;
        chains.push({
          ...{ name, fingerprint256, names, notAfter, keyAlgorithm },
          certificates: 1 + intermediates.length,
          isAuthority: leaf.ca,
          keyId: idOf(leaf.publicKey),
        });
      } else refuse(chain.fault.reason);
    }
    if (pem.includes('PRIVATE KEY-----')) {
      const key = parsePrivateKey(pem);
      if (key.ok) keys.push({ name, keyId: idOf(createPublicKey(key.value.key)) });
      else refuse(key.fault.reason);
    }
  }
  return { chains, keys, refused };
}

/** What a text holds. */
export async function readPemText({ name, inline }: PemText): Promise<string> {
  return inline ?? readFile(name, 'utf8');
}

function whyUnreadable(error: unknown): string {
  if (isMissing(error)) return 'it is not there';
  return error instanceof Error && 'code' in error
    ? `it can't be read (${error.code})`
    : `${error}`;
}

/** The numbers of the public key. OpenSSL 3 takes twenty times as long to write them as DER. */
function idOf(publicKey: KeyObject): string {
  const { kty, crv, x, y, n, e } = publicKey.export({ format: 'jwk' });
  return createHash('sha256')
    .update(JSON.stringify([kty, crv, x, y, n, e]))
    .digest('hex');
}
