import { join } from 'node:path';
import { openSqlite } from '../../shared/sqlite.js';
import { openNodeKey } from './node-key.js';
import type { NodeStoreReader } from './node-store.js';
import { SqliteNodeStoreReader } from './sqlite-node-store-reader.js';

export interface NodeStoreOptions {
  /** The node's own; made with mode 0700 if it is not there. */
  readonly dataDirectory: string;
}

/** Opens the store for reading, once per thread; the writer must have been opened before. */
export function openNodeStoreReader({ dataDirectory }: NodeStoreOptions): NodeStoreReader {
  const key = openNodeKey(dataDirectory);
  return new SqliteNodeStoreReader(
    openSqlite({ path: storePath(dataDirectory), readOnly: true }),
    key,
  );
}

export function storePath(dataDirectory: string): string {
  return join(dataDirectory, 'node-store.sqlite');
}
