import type { CertificateId } from '../../shared/gateway-model.js';
import type { Logger } from '../../shared/logger.js';
import { OneAtATime } from '../../shared/one-at-a-time.js';
import type { Revision } from '../../shared/revision.js';
import type { RejectedEntry, SnapshotTransfer } from '../../shared/snapshot.js';
import type { Histogram } from '../metrics/histogram.js';
import type { AppliedChanges, NodeStoreWriter, ProvedRevision } from '../store/node-store.js';
import type { AppliedSnapshot, SnapshotApplier } from './snapshot-applier.js';

/** Of an idle node. */
const settleDelayMs = 250;

/** The node's serving processes, as far as snapshots go. */
export interface SnapshotServer {
  /**
   * Resolves when every worker serves what the store now holds, proved by handshakes for the changed
   * hosts; with the entries among them that could not be loaded and kept their last good certificate.
   */
  applied(changes: AppliedChanges): Promise<readonly RejectedEntry[]>;
}

/**
 * Store first, then the workers, then the store again: what the workers have proved settles what is
 * last good. Also remembers which rejections stand, as a server tells only those of the changed hosts.
 *
 * @param seconds counts how long each snapshot took, from its first chunk to the proof.
 */
export function snapshotApplier(
  store: NodeStoreWriter,
  server: SnapshotServer,
  logger: Logger,
  seconds?: Histogram,
): SnapshotApplier {
  /** By host. */
  const standing = new Map<string, RejectedEntry>();
  /** A snapshot is applied after the one before was served. */
  const turns = new OneAtATime();

  // What was proved is settled with the next snapshot, which would else take for last good what was
  // replaced before; or by itself if none comes soon. After a crash in between it is proved again.
  let proved: ProvedRevision | undefined;
  let settling: NodeJS.Timeout | undefined;
  const settle = () => {
    if (proved !== undefined) store.settle(proved);
    proved = undefined;
  };
  const settleSoon = () => {
    settling ??= setTimeout(() => {
      turns
        .run(async () => settle())
        .catch((error: unknown) => {
          logger.error({ err: error }, 'the store could not drop what was replaced');
        });
    }, settleDelayMs).unref();
    settling.refresh();
  };

  const prove = async (changes: AppliedChanges, revision: Revision): Promise<AppliedSnapshot> => {
    // Acknowledged is what a power cut does not take back; the disk and the workers need not wait for
    // each other.
    const [rejections] = await Promise.all([server.applied(changes), store.durable()]);
    if (changes.hosts === 'all') standing.clear();
    else for (const host of changes.hosts) standing.delete(host);
    for (const rejection of rejections) {
      for (const host of rejection.hosts) standing.set(host, rejection);
    }
    proved = { revision, keepLastGood: [...standing.keys()] };
    settleSoon();
    return { revision, digest: store.digest, rejections: byCertificate(standing) };
  };

  // After a start the workers read the store as it is; only hosts whose newest certificate was not
  // proved before the end are looked at again.
  const proveStored = async (): Promise<AppliedSnapshot | undefined> => {
    const { revision } = store;
    if (revision === undefined) return undefined;
    settle();
    const hosts = [...new Set([...store.lastGoodHosts(), ...standing.keys()])];
    return prove({ revision, hosts, patternsChanged: false }, revision);
  };

  return {
    get logId() {
      return store.logId;
    },
    get revision() {
      return store.revision;
    },
    served: () => turns.run(proveStored),
    apply: (transfer) =>
      turns.run(async () => {
        const startedAt = performance.now();
        const changes = await writeTransfer(store, transfer, proved);
        proved = undefined;
        const applied = await prove(changes, transfer.to);
        seconds?.observe((performance.now() - startedAt) / 1000);
        return applied;
      }),
  };
}

async function writeTransfer(
  store: NodeStoreWriter,
  transfer: SnapshotTransfer,
  proved: ProvedRevision | undefined,
): Promise<AppliedChanges> {
  const transaction = store.begin(transfer, proved);
  try {
    for await (const chunk of transfer.chunks) transaction.write(chunk);
    return transaction.commit();
  } catch (error) {
    transaction.rollback();
    throw error;
  }
}

/** One entry for each certificate, with all the hosts for which it stands rejected. */
function byCertificate(standing: ReadonlyMap<string, RejectedEntry>): readonly RejectedEntry[] {
  const entries = new Map<CertificateId, RejectedEntry & { readonly hosts: string[] }>();
  for (const [host, { certificateId, reason }] of standing) {
    const known = entries.get(certificateId);
    if (known === undefined) entries.set(certificateId, { certificateId, hosts: [host], reason });
    else known.hosts.push(host);
  }
  return [...entries.values()];
}
