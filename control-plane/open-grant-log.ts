import { existsSync } from 'node:fs';
import type { GatewayConfig } from '../shared/config.js';
import type { Logger } from '../shared/logger.js';
import { GrantLog } from './access/grant-log.js';
import { EventStoreConnection } from './adapters/eventstore/event-store-connection.js';
import { EventStoreEventLog } from './adapters/eventstore/eventstore-event-log.js';
import { SqliteEventLog } from './adapters/sqlite-event-log.js';
import { dataFiles } from './data-files.js';
import { type ClusterCa, openClusterCa } from './distribution/cluster-ca.js';
import type { EventLog } from './ports/event-log.js';
import { LogUnavailableError } from './ports/event-log-errors.js';

/** Its stream in EventStoreDB. */
export const grantStream = 'signet-grants';

type GrantConfig = Pick<GatewayConfig, 'dataDir' | 'clusterCaDir' | 'eventLog'>;

export function clusterDirectory({ clusterCaDir, dataDir }: GrantConfig): string {
  return clusterCaDir ?? dataFiles(dataDir).cluster;
}

/** Reads the grant log; its entries are those of whoever holds the cluster CA's key. */
export function readGrantLog(log: EventLog, ca: ClusterCa, logger: Logger): Promise<GrantLog> {
  return GrantLog.open({ log, key: ca.secretFor('grant log'), logger });
}

/**
 * The grant log without the rest of a control plane, which may be running on it.
 * @throws LogUnavailableError if there is no control plane's data where the configuration says.
 */
export async function withGrantLog<Result>(
  config: GrantConfig,
  logger: Logger,
  use: (log: GrantLog) => Promise<Result>,
): Promise<Result> {
  const directory = clusterDirectory(config);
  if (!existsSync(directory)) {
    throw new LogUnavailableError(`${directory} is not there: is this the data directory?`);
  }
  const connection =
    config.eventLog === undefined
      ? undefined
      : new EventStoreConnection({ connectionString: config.eventLog });
  const log =
    connection === undefined
      ? new SqliteEventLog({ path: dataFiles(config.dataDir).grantLog })
      : new EventStoreEventLog({ connection, stream: grantStream });
  try {
    const ca = await openClusterCa(directory, Date.now());
    return await use(await readGrantLog(log, ca, logger));
  } finally {
    await log.close();
    await connection?.close();
  }
}
