import { joinCluster } from '../data-plane/snapshot/join-cluster.js';
import type { SnapshotApplier } from '../data-plane/snapshot/snapshot-applier.js';
import { type ControlPlaneLink, connectToControlPlane } from '../data-plane/snapshot/subscriber.js';
import { createLogger } from '../shared/create-logger.js';
import type { Revision } from '../shared/revision.js';
import {
  emptyDigest,
  entryHash,
  formatDigest,
  withEntry,
  withoutEntry,
} from '../shared/snapshot-digest.js';
import { ScratchDirectory } from '../test/support/scratch-directory.js';
import type { LoopbackFleet } from './fleet.js';

/** Nodes without store, workers and listeners: what they cost is the control plane's part alone. */
export class SimulatedSubscribers {
  readonly #directory = new ScratchDirectory();
  readonly #links: ControlPlaneLink[] = [];

  get count(): number {
    return this.#links.length;
  }

  async start(fleet: LoopbackFleet, count: number): Promise<void> {
    const address = { host: '127.0.0.1', port: fleet.gateway.nodePort };
    const logger = createLogger({ level: 'warn', role: 'subscriber' });
    for (let index = 0; index < count; index++) {
      const dataDirectory = this.#directory.path(`subscriber-${index}`);
      const nodeName = `subscriber-${index}`;
      const token = await fleet.joinToken();
      const identity = await joinCluster({ dataDirectory, addresses: [address], token, nodeName });
      const link = connectToControlPlane(
        {
          addresses: [address],
          dataDirectory,
          identity,
          nodeName,
          version: 'simulated',
          pluginsAvailable: ['ssl'],
          health: () => ({ workers: 1, workersWanted: 1, ready: true }),
          clock: Date.now,
          logger,
        },
        memoryApplier(),
      );
      this.#links.push(link);
      await link.whenCurrent();
    }
  }

  close(): void {
    for (const link of this.#links) void link.close();
    void this.#directory.remove();
  }
}

/** Keeps the digest right, and nothing else. */
function memoryApplier(): SnapshotApplier {
  let served: { logId: string; revision: Revision } | undefined;
  const hashes = new Map<string, bigint>();
  let digest = emptyDigest;
  const forget = (name: string) => {
    const known = hashes.get(name);
    if (known !== undefined) digest = withoutEntry(digest, known);
    hashes.delete(name);
  };
  const state = (revision: Revision) => ({
    revision,
    digest: formatDigest(digest),
    rejections: [],
  });
  return {
    get logId() {
      return served?.logId;
    },
    get revision() {
      return served?.revision;
    },
    served: () => Promise.resolve(served && state(served.revision)),
    async apply({ logId, from, to, chunks }) {
      if (from === 'empty') {
        hashes.clear();
        digest = emptyDigest;
      }
      for await (const { upserts, removals } of chunks) {
        for (const entry of upserts) {
          const name = `${entry.kind} ${entry.value.id}`;
          forget(name);
          const hash = entryHash(entry);
          hashes.set(name, hash);
          digest = withEntry(digest, hash);
        }
        for (const { kind, id } of removals) forget(`${kind} ${id}`);
      }
      served = { logId, revision: to };
      return state(to);
    },
  };
}
