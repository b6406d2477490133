import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { openNodeStoreWriter } from '../../../data-plane/store/open-node-store.js';
import { openNodeStoreReader } from '../../../data-plane/store/open-node-store-reader.js';
import { isSqliteDamage } from '../../../shared/sqlite.js';
import {
  apiEntry,
  certificateEntry,
  delta,
  pluginEntry,
  recordingLogger,
  servedCertificate,
} from '../../fleet/snapshot-fixtures.js';
import { certificateId } from '../../support/gateway-fixtures.js';
import type { FuzzTarget } from '../fuzz-target.js';
import { mutated } from '../mutations.js';

/**
 * The node's store as a torn or altered file: the node comes up all the same, and what it then reads
 * is what was once written, or nothing.
 */
export const nodeStoreTarget: FuzzTarget = {
  name: 'node-store-file',
  share: 1,
  prepare: () => {
    const root = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
    const dataDirectory = mkdtempSync(join(root, 'signet-fuzz-'));
    const path = join(dataDirectory, 'node-store.sqlite');
    const writer = openNodeStoreWriter({ dataDirectory }, recordingLogger());
    const numbers = [1, 2, 3, 4, 5];
    writer.apply(
      delta('empty', 9, [
        ...numbers.map((n) => apiEntry(n)),
        ...numbers.map((n) => certificateEntry(n)),
        ...numbers.map((n) => pluginEntry(n, n, n)),
      ]),
    );
    writer.close();
    return {
      inputs: mutated([readFileSync(path)], { maxBytes: 512 * 1024 }),
      run: async (input) => {
        writeFileSync(path, input);
        for (const side of ['-wal', '-shm']) rmSync(path + side, { force: true });
        await openAndRead(dataDirectory, numbers);
      },
      dispose: () => rmSync(dataDirectory, { recursive: true, force: true }),
    };
  },
};

async function openAndRead(dataDirectory: string, numbers: readonly number[]): Promise<void> {
  const store = openNodeStoreWriter({ dataDirectory }, recordingLogger());
  try {
    await store.verify();
    const reader = openNodeStoreReader({ dataDirectory });
    try {
      for (const n of numbers) {
        const served = reader.certificate(certificateId(n));
        if (served !== undefined && !isDeepStrictEqual(served, servedCertificate(n))) {
          throw new Error('an altered certificate is read');
        }
        const host = `host-${n}.test`;
        const found = reader.apiByHost(host)?.api.requestHost;
        if (found !== undefined && found.toLowerCase() !== host) throw new Error('another API');
      }
      reader.wildcardApis();
      reader.pathApis();
    } finally {
      reader.close();
    }
  } catch (error) {
    if (!isSqliteDamage(error)) throw error;
  } finally {
    store.close();
  }
}
