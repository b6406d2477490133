import { onTestFinished } from 'vitest';
import type { GrantLog } from '../../control-plane/access/grant-log.js';
import { SqliteEventLog } from '../../control-plane/adapters/sqlite-event-log.js';
import { dataFiles } from '../../control-plane/data-files.js';
import { openClusterCa } from '../../control-plane/distribution/cluster-ca.js';
import { readGrantLog } from '../../control-plane/open-grant-log.js';
import { silentLogger } from './silent-logger.js';

/** The grant log below a data directory, followed as a control plane does. Closed with the test. */
export async function openGrants(dataDir: string): Promise<GrantLog> {
  const { grantLog: path, cluster } = dataFiles(dataDir);
  const log = new SqliteEventLog({ path, foreignWritesPollMs: 10 });
  const grantLog = await readGrantLog(log, await openClusterCa(cluster, Date.now()), silentLogger);
  const stop = new AbortController();
  const followed = grantLog.follow(stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await followed;
    await log.close();
  });
  return grantLog;
}
