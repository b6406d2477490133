import { sign, verify } from 'node:crypto';
import { type Intake, refused, taken } from './intake-fault.js';
import type { ParsedChain } from './parse-chain.js';
import type { ParsedKey } from './parse-key.js';

/** Whether the key is the leaf's: compared by number, and for curves proved by a signature. */
export function checkPair(chain: ParsedChain, key: ParsedKey): Intake<undefined> {
  if (!chain.leaf.checkPrivateKey(key.key)) {
    const owner = chain.intermediates.findIndex((each) => each.checkPrivateKey(key.key));
    return owner === -1
      ? refused(
          'key',
          'key-mismatch',
          'it does not belong to the certificate; send the key that its request was made with',
        )
      : refused(
          'key',
          'key-mismatch',
          `it belongs to certificate ${owner + 2} of the chain, not to the first; put the leaf first`,
        );
  }
  // A curve key carries its public half beside the private one, and the two may contradict.
  if (key.key.asymmetricKeyType !== 'rsa' && !signs(chain, key)) {
    return refused('key', 'key-inconsistent', 'its private half does not fit its public half');
  }
  return taken(undefined);
}

/** Whether a new chain fits a key that is stored with another one: both leaves hold the same key. */
export function checkSameKey(chain: ParsedChain, stored: ParsedChain): Intake<undefined> {
  const same = chain.leaf.publicKey.equals(stored.leaf.publicKey);
  return same
    ? taken(undefined)
    : refused(
        'key',
        'key-mismatch',
        'the stored key does not belong to the new certificate; send its key in config.key too',
      );
}

const probe = Buffer.from('signet key probe');

function signs(chain: ParsedChain, { key }: ParsedKey): boolean {
  const digest = key.asymmetricKeyType === 'ec' ? 'sha256' : null;
  try {
    return verify(digest, probe, chain.leaf.publicKey, sign(digest, probe, key));
  } catch {
    return false;
  }
}
