import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { GatewayConfig } from '../shared/config.js';
import { EventStoreConnection } from './adapters/eventstore/event-store-connection.js';
import { EventStoreEventLog } from './adapters/eventstore/eventstore-event-log.js';
import { EventStoreKeyVault } from './adapters/eventstore/eventstore-key-vault.js';
import { loadMasterKeys, type MasterKeySource } from './adapters/master-key.js';
import { SqliteEventLog } from './adapters/sqlite-event-log.js';
import { SqliteKeyVault } from './adapters/sqlite-key-vault.js';
import type { EventLog } from './ports/event-log.js';
import type { RotatingKeyVault } from './ports/key-vault.js';

/** The two stores that hold the truth: what happened, and the private keys. */
export interface Stores {
  readonly log: EventLog;
  readonly vault: RotatingKeyVault;
  /** Whether other control planes may write to them too. */
  readonly shared: boolean;
  close(): Promise<void>;
}

type StoreConfig = Pick<GatewayConfig, 'dataDir' | 'masterKey' | 'eventLog'>;

/**
 * Opens the event log and the key vault that the configuration names: both in EventStoreDB, or both
 * embedded in the data directory, which is made with mode 0700.
 * @throws MasterKeyError with what to do
 */
export async function openStores(config: StoreConfig): Promise<Stores> {
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  const masterKeys = await loadMasterKeys(masterKeySource(config));
  if (config.eventLog !== undefined) {
    const connection = new EventStoreConnection({ connectionString: config.eventLog });
    const log = new EventStoreEventLog({ connection });
    const vault = new EventStoreKeyVault({ connection, masterKeys });
    return { log, vault, shared: true, close: () => closeAll(log, vault, connection) };
  }
  const log = new SqliteEventLog({ path: join(config.dataDir, 'events.sqlite') });
  const vault = new SqliteKeyVault({ path: join(config.dataDir, 'keys.sqlite'), masterKeys });
  return { log, vault, shared: false, close: () => closeAll(log, vault) };
}

function masterKeySource({ masterKey, dataDir }: StoreConfig): MasterKeySource {
  switch (masterKey?.source) {
    case undefined:
      return { kind: 'file', path: join(dataDir, 'master.key') };
    case 'file':
      return { kind: 'file', path: masterKey.path };
    case 'environment':
      return { kind: 'value', value: process.env[masterKey.name] ?? '' };
    case 'command':
      return { kind: 'command', command: masterKey.command };
  }
}

async function closeAll(...closables: readonly { close(): Promise<void> }[]): Promise<void> {
  for (const closable of closables) await closable.close();
}
