import { FileStateSnapshotStore } from '../control-plane/adapters/file-state-snapshot.js';
import { SqliteEventLog } from '../control-plane/adapters/sqlite-event-log.js';
import { FoldedLog } from '../control-plane/application/folded-log.js';
import { loadFoldedState } from '../control-plane/application/state-snapshots.js';
import { dataFiles } from '../control-plane/data-files.js';
import { SnapshotFeed } from '../control-plane/distribution/snapshot-feed.js';
import { silentLogger } from '../test/support/silent-logger.js';

/** One start of `scenarios/start.ts`: prints how long the state took, and what it weighs. */
const [dataDir = '', certificates] = process.argv.slice(2);
const files = dataFiles(dataDir);
const usageBefore = process.cpuUsage();
const startedAt = performance.now();
const log = new SqliteEventLog({ path: files.eventLog });
const snapshots = new FileStateSnapshotStore(files.stateSnapshot);
const loaded = await loadFoldedState(log, snapshots, silentLogger);
const folded = new FoldedLog(log, silentLogger, loaded);
const feed = new SnapshotFeed({ control: folded, digest: loaded?.digest });
await folded.catchUp();
const ms = performance.now() - startedAt;
const { user, system } = process.cpuUsage(usageBefore);
if (
  loaded?.digest === undefined ||
  feed.head?.digest !== loaded.digest ||
  folded.state.certificates.size !== Number(certificates)
) {
  throw new Error('the snapshot was not used');
}
const heapMb = process.memoryUsage().heapUsed / 1e6;
process.stdout.write(JSON.stringify({ ms, cpuMs: (user + system) / 1000, heapMb }));
await log.close();
