import type { AppliedChanges, NodeStoreWriter } from '../../data-plane/store/node-store.js';
import { at, logId } from './snapshot-fixtures.js';

/** A node's store that stands at revision 3 of the fixtures' log, takes whatever comes, and keeps nothing. */
export function silentStore(): NodeStoreWriter {
  const changes: AppliedChanges = { revision: at(5), hosts: [], patternsChanged: false };
  return {
    logId,
    revision: at(3),
    digest: 'a'.repeat(64),
    apply: () => changes,
    begin: () => ({ write: () => {}, commit: () => changes, rollback: () => {} }),
    durable: async () => {},
    settle: () => {},
    lastGoodHosts: () => [],
    verify: async () => 0,
    close: () => {},
  };
}
