import { mkdirSync, rmSync } from 'node:fs';
import type { Logger } from '../../shared/logger.js';
import { isSqliteDamage, openSqlite, SchemaTooNewError } from '../../shared/sqlite.js';
import { type NodeKey, openNodeKey } from './node-key.js';
import type { NodeStoreWriter } from './node-store.js';
import { type NodeStoreOptions, storePath } from './open-node-store-reader.js';
import { OrderlyEnd } from './orderly-end.js';
import { SqliteNodeStoreWriter, UnusableStoreError } from './sqlite-node-store-writer.js';
import { WriteAheadLog } from './write-ahead-log.js';

export interface WriterOptions extends NodeStoreOptions {
  /** For jitter; default `Math.random`. */
  readonly random?: () => number;
}

/**
 * Opens the node's store for its one writer. What is there and can't be used (torn, of a later
 * version, under a lost key) is removed: it is a copy, and the control plane sends it again.
 * @throws NodeKeyError if the node's key file is unusable.
 */
export function openNodeStoreWriter(
  { dataDirectory, random = Math.random }: WriterOptions,
  logger: Logger,
): NodeStoreWriter {
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
  const key = openNodeKey(dataDirectory);
  try {
    return openWriter({ dataDirectory, random }, key, logger);
  } catch (error) {
    const isUseless =
      isSqliteDamage(error) ||
      error instanceof UnusableStoreError ||
      error instanceof SchemaTooNewError;
    if (!isUseless) throw error;
    logger.error(
      { dataDirectory, err: error },
      'the node store is unusable and starts anew, empty',
    );
    for (const suffix of ['', '-wal', '-shm']) {
      rmSync(storePath(dataDirectory) + suffix, { force: true });
    }
    return openWriter({ dataDirectory, random }, key, logger);
  }
}

function openWriter(
  { dataDirectory, random }: Required<WriterOptions>,
  key: NodeKey,
  logger: Logger,
): NodeStoreWriter {
  const path = storePath(dataDirectory);
  const end = new OrderlyEnd(path);
  const isAsItWasClosed = end.take();
  const database = openSqlite({ path });
  try {
    if (!isAsItWasClosed && !database.isIntact()) {
      throw new UnusableStoreError('the node store is damaged');
    }
    const log = new WriteAheadLog(`${path}-wal`);
    return new SqliteNodeStoreWriter({ database, key, log, end, random, logger });
  } catch (error) {
    database.close();
    throw error;
  }
}
