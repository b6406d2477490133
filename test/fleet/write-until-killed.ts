import { writeSync } from 'node:fs';
import { openNodeStoreWriter } from '../../data-plane/store/open-node-store.js';
import { apiEntry, delta, recordingLogger } from './snapshot-fixtures.js';

// Applies deltas, says each revision once it is committed, and is killed inside the one after.
const dataDirectory = process.argv[2] ?? '';
const writer = openNodeStoreWriter({ dataDirectory }, recordingLogger());
writer.apply(delta('empty', 0, [apiEntry(0)]));
for (let to = 1; to <= 40; to += 1) {
  writer.apply(delta(to - 1, to, [apiEntry(to)]));
  writeSync(1, `${to}\n`);
}
writer.begin(delta(40, 41)).write({ upserts: [apiEntry(41)], removals: [] });
process.kill(process.pid, 'SIGKILL');
