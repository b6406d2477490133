import type { GatewayConfig } from '../shared/config.js';
import type { Logger } from '../shared/logger.js';
import { makeDirectory } from '../shared/make-directory.js';
import { EventStoreConnection } from './adapters/eventstore/event-store-connection.js';
import { EventStoreEventLog } from './adapters/eventstore/eventstore-event-log.js';
import { EventStoreKeyVault } from './adapters/eventstore/eventstore-key-vault.js';
import { loadMasterKeys, type MasterKeySource } from './adapters/master-key.js';
import { MasterKeyRotation } from './adapters/master-key-rotation.js';
import { SqliteEventLog } from './adapters/sqlite-event-log.js';
import { SqliteKeyVault } from './adapters/sqlite-key-vault.js';
import { dataFiles } from './data-files.js';
import { grantStream } from './open-grant-log.js';
import type { EventLog } from './ports/event-log.js';
import type { KeyVault, MasterKeyring, RotatingKeyVault } from './ports/key-vault.js';
import { KeyErasedError } from './ports/key-vault-errors.js';

/** The stores that hold the truth: what happened, who may do what, and the private keys. */
export interface Stores {
  readonly log: EventLog;
  readonly grantLog: EventLog;
  readonly vault: RotatingKeyVault;
  readonly masterKeyRotation: MasterKeyRotation;
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
export async function openStores(config: StoreConfig, logger: Logger): Promise<Stores> {
  makeDirectory(config.dataDir);
  const source = masterKeySource(config);
  const masterKeys = await loadMasterKeys(source);
  const opened =
    config.eventLog === undefined
      ? openEmbedded(config.dataDir, masterKeys)
      : openShared(config.eventLog, masterKeys);
  const { vault, shared } = opened;
  try {
    await checkMasterKey(vault);
  } catch (error) {
    await opened.close();
    throw error;
  }
  const rotation = { source, masterKeys, vault, isVaultShared: shared, logger };
  return { ...opened, masterKeyRotation: new MasterKeyRotation(rotation) };
}

type Opened = Omit<Stores, 'masterKeyRotation'>;

function openShared(connectionString: string, masterKeys: MasterKeyring): Opened {
  const connection = new EventStoreConnection({ connectionString });
  const log = new EventStoreEventLog({ connection });
  const grantLog = new EventStoreEventLog({ connection, stream: grantStream });
  const vault = new EventStoreKeyVault({ connection, masterKeys });
  const close = () => closeAll(log, grantLog, vault, connection);
  return { log, grantLog, vault, shared: true, close };
}

function openEmbedded(dataDir: string, masterKeys: MasterKeyring): Opened {
  const files = dataFiles(dataDir);
  const log = new SqliteEventLog({ path: files.eventLog });
  const grantLog = new SqliteEventLog({ path: files.grantLog });
  const vault = new SqliteKeyVault({ path: files.keyVault, masterKeys });
  return { log, grantLog, vault, shared: false, close: () => closeAll(log, grantLog, vault) };
}

/** Better now than at the first certificate that cannot be served. */
async function checkMasterKey(vault: KeyVault): Promise<void> {
  for await (const keyId of vault.list()) {
    try {
      await vault.open(keyId);
      return;
    } catch (error) {
      // Of a put or an erase that was cut short: it says nothing about the master key.
      if (error instanceof KeyErasedError) continue;
      throw error;
    }
  }
}

function masterKeySource({ masterKey, dataDir, eventLog }: StoreConfig): MasterKeySource {
  // A key that each control plane makes for itself would open none of the others' keys.
  const mustExist = eventLog !== undefined;
  switch (masterKey?.source) {
    case undefined:
      return { kind: 'file', path: dataFiles(dataDir).masterKey, mustExist };
    case 'file':
      return { kind: 'file', path: masterKey.path, mustExist };
    case 'environment':
      return {
        kind: 'value',
        value: takeFromEnvironment(masterKey.name),
        variable: masterKey.name,
      };
    case 'command':
      return { kind: 'command', command: masterKey.command };
  }
}

/** Nothing that lists the environment, as Node's diagnostic reports do, is to find it there later. */
function takeFromEnvironment(name: string): string {
  const value = process.env[name] ?? '';
  delete process.env[name];
  return value;
}

async function closeAll(...closables: readonly { close(): Promise<void> }[]): Promise<void> {
  for (const closable of closables) await closable.close();
}
