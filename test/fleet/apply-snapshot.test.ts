import { expect, it, onTestFinished } from 'vitest';
import { snapshotApplier } from '../../data-plane/snapshot/apply-snapshot.js';
import { openNodeStoreWriter } from '../../data-plane/store/open-node-store.js';
import { openNodeStoreReader } from '../../data-plane/store/open-node-store-reader.js';
import type { SnapshotDelta, SnapshotTransfer } from '../../shared/snapshot.js';
import { certificateId } from '../support/gateway-fixtures.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import {
  apiEntry,
  certificateEntry,
  certificateKey,
  delta,
  pluginEntry,
  recordingLogger,
} from './snapshot-fixtures.js';

function transferOf({ upserts, removals, ...range }: SnapshotDelta): SnapshotTransfer {
  async function* chunks() {
    yield { upserts, removals };
  }
  return { ...range, chunks: chunks() };
}

it('a host falls back to what was proved last, however fast snapshots follow each other', async () => {
  const dataDirectory = await temporaryDirectory();
  const store = openNodeStoreWriter({ dataDirectory }, recordingLogger());
  const reader = openNodeStoreReader({ dataDirectory });
  onTestFinished(() => {
    reader.close();
    store.close();
  });
  const poison = certificateId(3);
  const server = {
    applied: async () =>
      reader.certificate(poison) === undefined
        ? []
        : [{ certificateId: poison, hosts: ['host-1.test'], reason: 'poison' }],
  };
  const applier = snapshotApplier(store, server, recordingLogger());
  const rebound = (from: number, certificate: number) =>
    transferOf(
      delta(
        from,
        from + 1,
        [certificateEntry(certificate), pluginEntry(1, 1, certificate)],
        [certificateKey(certificate - 1)],
      ),
    );

  const first = [apiEntry(1), certificateEntry(1), pluginEntry(1, 1, 1)];
  const acknowledged = await Promise.all([
    applier.apply(transferOf(delta('empty', 5, first))),
    applier.apply(rebound(5, 2)),
    applier.apply(rebound(6, 3)),
  ]);

  expect(acknowledged.map(({ rejections }) => rejections.length)).toEqual([0, 0, 1]);
  expect(reader.lastGoodCertificate('host-1.test')?.id).toBe(certificateId(2));
});
