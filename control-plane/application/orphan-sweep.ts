import { setTimeout as delay } from 'node:timers/promises';
import type { KeyId } from '../../shared/gateway-model.js';
import type { Logger } from '../../shared/logger.js';
import type { KeyVault } from '../ports/key-vault.js';
import type { FoldedLog } from './folded-log.js';

export interface OrphanSweepOptions {
  readonly folded: FoldedLog;
  readonly vault: KeyVault;
  readonly logger: Logger;
  /**
   * How long a key may lie in the vault before its event is in the log, in milliseconds. 0 if this
   * process is the only writer and takes no command yet; else longer than any append can take.
   */
  readonly graceMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Erases keys that no certificate of the log names: left by a crash between vault and log, in either
 * order. @returns how many.
 */
export async function sweepOrphanKeys(options: OrphanSweepOptions): Promise<number> {
  const { folded, vault, logger, graceMs, signal } = options;
  const suspects = await unnamedKeys(folded, vault.list());
  if (suspects.length === 0) return 0;
  if (graceMs > 0) await delay(graceMs, undefined, { ...(signal && { signal }), ref: false });
  await folded.catchUp();
  const orphans = await unnamedKeys(folded, suspects);
  for (const keyId of orphans) {
    await vault.erase(keyId);
    logger.info({ keyId }, 'erased a key that no certificate names');
  }
  return orphans.length;
}

async function unnamedKeys(
  folded: FoldedLog,
  candidates: AsyncIterable<KeyId> | Iterable<KeyId>,
): Promise<KeyId[]> {
  const listed: KeyId[] = [];
  for await (const keyId of candidates) listed.push(keyId);
  // Looked at only now: while the vault was listed, more may have been folded.
  const named = new Set<KeyId>();
  for (const { keyId } of folded.state.certificates.values()) named.add(keyId);
  return listed.filter((keyId) => !named.has(keyId));
}
