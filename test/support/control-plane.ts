import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { loadMasterKeys } from '../../control-plane/adapters/master-key.js';
import { SqliteEventLog } from '../../control-plane/adapters/sqlite-event-log.js';
import { SqliteKeyVault } from '../../control-plane/adapters/sqlite-key-vault.js';
import { CommandHandler } from '../../control-plane/application/command-handler.js';
import { FoldedLog } from '../../control-plane/application/folded-log.js';
import type { EventLog } from '../../control-plane/ports/event-log.js';
import type { KeyVault } from '../../control-plane/ports/key-vault.js';
import type { KeyId } from '../../shared/gateway-model.js';
import type { Logger } from '../../shared/logger.js';
import { temporaryDirectory } from './temporary-directory.js';

export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
};

export interface Stores {
  readonly log: EventLog;
  readonly vault: KeyVault;
}

/** Runs when whatever it was set up for is over: the test, unless said otherwise. */
export type AtEnd = (cleanUp: () => Promise<void>) => void;

/** The embedded log and vault in a directory that goes with the test. */
export async function openStores(
  directory?: string,
  atEnd: AtEnd = onTestFinished,
): Promise<Stores> {
  const path = directory ?? (await temporaryDirectory());
  const masterKeys = await loadMasterKeys({ kind: 'file', path: join(path, 'master.key') });
  const log = new SqliteEventLog({ path: join(path, 'events.db') });
  const vault = new SqliteKeyVault({ path: join(path, 'vault.db'), masterKeys });
  atEnd(async () => {
    await log.close();
    await vault.close();
  });
  return { log, vault };
}

export interface TestControlPlane extends Stores {
  readonly folded: FoldedLog;
  readonly handler: CommandHandler;
}

/** One control plane over the stores, caught up; several may share the stores. */
export async function startControlPlane(
  stores: Stores,
  clock: () => number = Date.now,
): Promise<TestControlPlane> {
  const folded = new FoldedLog(stores.log, silentLogger);
  await folded.catchUp();
  const handler = new CommandHandler({ ...stores, folded, clock, logger: silentLogger });
  return { ...stores, folded, handler };
}

export async function keysIn(vault: KeyVault): Promise<KeyId[]> {
  const ids: KeyId[] = [];
  for await (const id of vault.list()) ids.push(id);
  return ids.sort();
}
