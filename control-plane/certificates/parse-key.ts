import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { KeyAlgorithm } from '../../shared/gateway-model.js';
import { readP256Key } from '../../shared/p256-key.js';
import { type Intake, refused, taken } from './intake-fault.js';
import { keyAlgorithm } from './key-kind.js';
import { type PemBlock, readPemBlocks, toPem } from './pem.js';
import { isConsistentRsaKey } from './rsa-consistency.js';

/** A private key that the TLS engine can load. */
export interface ParsedKey {
  readonly algorithm: KeyAlgorithm;
  readonly key: KeyObject;
  /** PKCS#8, unencrypted, whatever form was uploaded. Secret. */
  readonly keyPem: string;
}

// An RSA-8192 key takes 6.4 KB; a certificate may lie in the same file.
const limits = { maxBytes: 32 * 1024, maxBlocks: 8 };

const keyForms = new Map<string, 'pkcs8' | 'pkcs1' | 'sec1'>([
  ['PRIVATE KEY', 'pkcs8'],
  ['RSA PRIVATE KEY', 'pkcs1'],
  ['EC PRIVATE KEY', 'sec1'],
]);

/** Finds the one private key in PEM text; `EC PARAMETERS` and certificates beside it do not matter. */
export function parsePrivateKey(text: string): Intake<ParsedKey> {
  const blocks = readPemBlocks(text, 'key', limits);
  if (!blocks.ok) return blocks;
  const keys = blocks.value.filter(({ label }) => label.endsWith('PRIVATE KEY'));
  const [block, ...others] = keys;
  if (block === undefined) {
    return refused('key', 'pem-missing', 'no private key among its PEM blocks');
  }
  if (others.length > 0) {
    return refused('key', 'key-several', `${keys.length} private keys; send the leaf's key alone`);
  }
  if (block.encrypted) {
    return refused(
      'key',
      'key-encrypted',
      'it is encrypted with a passphrase; take it off first with `openssl pkey -in KEY -out PLAIN`',
    );
  }
  const form = keyForms.get(block.label);
  if (form === undefined) {
    return refused('key', 'key-kind-unsupported', `a PEM block "${block.label}" cannot be served`);
  }
  return parseBlock(block, form);
}

function parseBlock(block: PemBlock, type: 'pkcs8' | 'pkcs1' | 'sec1'): Intake<ParsedKey> {
  const p256 = type === 'pkcs1' ? undefined : readP256Key(block.der, type);
  if (p256 !== undefined) {
    return taken({ algorithm: 'p-256', key: p256.key, keyPem: toPem('PRIVATE KEY', p256.der) });
  }
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: block.der, format: 'der', type });
  } catch {
    // OpenSSL's message may quote the input.
    return refused('key', 'key-unreadable', `the ${block.label} block does not parse`);
  }
  const algorithm = keyAlgorithm(key, block.der, 'key');
  if (!algorithm.ok) return algorithm;
  if (key.asymmetricKeyType === 'rsa' && !isConsistentRsaKey(key)) {
    return refused('key', 'key-inconsistent', 'the numbers of the RSA key contradict each other');
  }
  const keyPem = key.export({ type: 'pkcs8', format: 'pem' }).toString().trim();
  return taken({ algorithm: algorithm.value, key, keyPem });
}
