import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { nodeKey } from '../../data-plane/store/node-key.js';
import { openNodeStoreWriter } from '../../data-plane/store/open-node-store.js';
import { openNodeStoreReader } from '../../data-plane/store/open-node-store-reader.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { apiEntry, delta, recordingLogger } from './snapshot-fixtures.js';

/** Found by the fuzzer: SQLite calls a bad format number in the header a plain error, not damage. */
it('a node whose store has a damaged header starts anew, empty', async () => {
  const dataDirectory = await temporaryDirectory();
  const path = join(dataDirectory, 'node-store.sqlite');
  const writer = openNodeStoreWriter({ dataDirectory }, recordingLogger());
  writer.apply(delta('empty', 1, [apiEntry(1)]));
  writer.close();

  const schemaFormat = 44;
  expect(readFileSync(path).readUInt32BE(schemaFormat)).toBe(4);
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.from([0, 0, 0, 200]), 0, 4, schemaFormat);
  closeSync(file);

  const logger = recordingLogger();
  const again = openNodeStoreWriter({ dataDirectory }, logger);
  expect(again.revision).toBeUndefined();
  expect(logger.lines).toHaveLength(1);
  again.apply(delta('empty', 1, [apiEntry(1)]));
  const reader = openNodeStoreReader({ dataDirectory });
  expect(reader.apiByHost('host-1.test')).toBeDefined();
  reader.close();
  again.close();
});

/** Found by the fuzzer: a damaged row has NULL where the schema allows none. */
it('a node takes a sealed text that is none for one that does not open', () => {
  const key = nodeKey(Buffer.alloc(32, 7));
  // No type allows either: it is what SQLite read from the damaged row.
  expect(key.unseal(null as unknown as Buffer, 'name')).toBeUndefined();
  expect(key.unseal('text' as unknown as Buffer, 'name')).toBeUndefined();
});
