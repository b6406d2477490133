import { readFile } from 'node:fs/promises';
import { certificateWarnings } from '../control-plane/certificates/certificate-warnings.js';
import { checkPair } from '../control-plane/certificates/check-pair.js';
import { parseChain } from '../control-plane/certificates/parse-chain.js';
import { parsePrivateKey } from '../control-plane/certificates/parse-key.js';
import { rsaCost } from '../control-plane/certificates/rsa-cost.js';
import { withoutPrivateKeys } from './pem-text.js';

export interface FileCheck {
  /** Why an upload would be refused; none: it would be taken. */
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
  /** What is right, and could be better. */
  readonly advice: readonly string[];
  readonly names: readonly string[];
  readonly keyAlgorithm: string;
  /** RFC 3339, empty if the chain does not parse. */
  readonly notAfter: string;
}

/** Checks a chain and its key, in one file or two, as the admin API would. */
export async function checkFiles(
  certFile: string,
  keyFile: string,
  host: string | undefined,
): Promise<FileCheck> {
  const certText = withoutPrivateKeys(await readFile(certFile, 'utf8'));
  const chain = parseChain(certText);
  const key = parsePrivateKey(await readFile(keyFile, 'utf8'));
  const faults: string[] = [];
  if (!chain.ok) faults.push(`${certFile}: ${chain.fault.reason}`);
  if (!key.ok) faults.push(`${keyFile}: ${key.fault.reason}`);
  if (chain.ok && key.ok) {
    const pair = checkPair(chain.value, key.value);
    if (!pair.ok) faults.push(`${keyFile}: ${pair.fault.reason}`);
  }
  if (!chain.ok) {
    return { faults, warnings: [], advice: [], names: [], keyAlgorithm: '', notAfter: '' };
  }
  const { names, keyAlgorithm, notAfter } = chain.value;
  if (notAfter <= Date.now()) {
    faults.push(`${certFile}: it expired; an upload needs ?allow_expired=true`);
  }
  return {
    faults,
    warnings: certificateWarnings(chain.value, host, Date.now()),
    advice: [rsaCost(keyAlgorithm)].filter((each) => each !== undefined),
    names,
    keyAlgorithm,
    notAfter: new Date(notAfter).toISOString(),
  };
}
