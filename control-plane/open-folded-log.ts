import type { Closing } from '../shared/closing.js';
import type { Logger } from '../shared/logger.js';
import { loadCheckpointKey } from './adapters/checkpoint-key.js';
import { FileCheckpointStore } from './adapters/file-checkpoint-store.js';
import { FileStateSnapshotStore } from './adapters/file-state-snapshot.js';
import { Checkpointer } from './application/checkpointer.js';
import { FoldedLog } from './application/folded-log.js';
import { loadFoldedState, SnapshotKeeper } from './application/state-snapshots.js';
import { dataFiles } from './data-files.js';
import { SnapshotFeed } from './distribution/snapshot-feed.js';
import type { Checkpoint } from './events/checkpoint.js';
import type { Clock } from './ports/clock.js';
import type { EventLog } from './ports/event-log.js';

export interface OpenFoldedLogOptions {
  readonly log: EventLog;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The log folded up to its head: the latest snapshot of the state and the events since; and the feed of
 * what nodes have of it. From here on snapshots and signed checkpoints are written as events come in.
 */
export async function openFoldedLog(
  options: OpenFoldedLogOptions,
  closing: Closing,
): Promise<{ readonly folded: FoldedLog; readonly feed: SnapshotFeed }> {
  const { log, dataDir, clock, logger } = options;
  const files = dataFiles(dataDir);
  const snapshots = new FileStateSnapshotStore(files.stateSnapshot);
  const loaded = await loadFoldedState(log, snapshots, logger);
  const folded = new FoldedLog(log, logger, loaded);
  const digest = loaded?.digest;
  // The feed brings a digest that it is given up to date; without one it makes it once, at the end.
  const early = digest === undefined ? undefined : new SnapshotFeed({ control: folded, digest });
  await folded.catchUp();
  const feed = early ?? new SnapshotFeed({ control: folded });
  closing.add(() => feed.close());
  const keeper = new SnapshotKeeper({
    ...{ folded, snapshots, logger, savedAt: loaded?.chain.revision ?? 'empty' },
    digest: () => feed.head?.digest,
  });
  closing.add(() => keeper.close());
  const privateKey = await loadCheckpointKey(files.checkpointKey);
  const store = new FileCheckpointStore(files.checkpoints);
  const latest = (await store.read()).findLast(({ logId }) => logId === folded.state.logId);
  warnIfCut(folded, latest, logger);
  const checkpointer = new Checkpointer({
    ...{ folded, store, privateKey, clock, logger },
    ...(latest && { signedAt: latest.revision }),
  });
  closing.add(() => checkpointer.close());
  return { folded, feed };
}

function warnIfCut(folded: FoldedLog, latest: Checkpoint | undefined, logger: Logger): void {
  if (latest === undefined || (folded.head !== 'empty' && latest.revision <= folded.head)) return;
  logger.error(
    { head: folded.head, checkpoint: latest },
    'the event log ends before its latest checkpoint: it was cut short, or restored from a backup',
  );
}
