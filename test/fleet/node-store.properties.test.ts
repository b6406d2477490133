import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SnapshotInconsistentError } from '../../data-plane/store/errors.js';
import { openNodeStoreWriter } from '../../data-plane/store/open-node-store.js';
import { openNodeStoreReader } from '../../data-plane/store/open-node-store-reader.js';
import type { Api, CertificateId, SslPlugin } from '../../shared/gateway-model.js';
import type { SnapshotEntry, SnapshotEntryKey } from '../../shared/snapshot.js';
import { emptyDigest, entryHash, formatDigest, withEntry } from '../../shared/snapshot-digest.js';
import {
  apiEntry,
  apiKey,
  at,
  certificateEntry,
  certificateKey,
  delta,
  pluginEntry,
  pluginKey,
  recordingLogger,
} from './snapshot-fixtures.js';

/** The snapshot as a plain map, and what a store must answer about it, the slow and obvious way. */
class Model {
  readonly #entries: Map<string, SnapshotEntry>;

  constructor(entries: Iterable<[string, SnapshotEntry]> = []) {
    this.#entries = new Map(entries);
  }

  after(full: boolean, upserts: readonly SnapshotEntry[], removals: readonly SnapshotEntryKey[]) {
    const next = new Map(full ? [] : this.#entries);
    for (const entry of upserts) next.set(`${entry.kind} ${entry.value.id}`, entry);
    for (const { kind, id } of removals) next.delete(`${kind} ${id}`);
    return new Model(next);
  }

  apis(): Api[] {
    const apis = [...this.#entries.values()].flatMap((e) => (e.kind === 'api' ? [e.value] : []));
    return apis.sort((left, right) => (left.id < right.id ? -1 : 1));
  }

  plugins(): SslPlugin[] {
    return [...this.#entries.values()].flatMap((e) => (e.kind === 'plugin' ? [e.value] : []));
  }

  ssl(api: Api): SslPlugin | undefined {
    const enabled = this.plugins().filter((plugin) => plugin.enabled);
    return (
      enabled.find((plugin) => plugin.apiId === api.id) ??
      enabled.find((plugin) => plugin.apiId === undefined)
    );
  }

  route(host: string): { api: Api; ssl: SslPlugin | undefined } | undefined {
    const api = this.apis().find(({ requestHost }) => requestHost?.toLowerCase() === host);
    return api && { api, ssl: this.ssl(api) };
  }

  bound(host: string): CertificateId | undefined {
    return this.route(host)?.ssl?.config.certificateId;
  }

  isConsistent(): boolean {
    return this.plugins().every(
      ({ apiId, config }) =>
        this.#entries.has(`certificate ${config.certificateId}`) &&
        (apiId === undefined || this.#entries.has(`api ${apiId}`)),
    );
  }

  digest(): string {
    let digest = emptyDigest;
    for (const entry of this.#entries.values()) digest = withEntry(digest, entryHash(entry));
    return formatDigest(digest);
  }
}

const n = fc.integer({ min: 0, max: 3 });
const hosts = [0, 1, 2, 3].flatMap((i) => [`host-${i}.test`, `*.w${i}.test`]);
// An API keeps to its own hosts, a plugin to its own API: the control plane sees to that.
const upsert: fc.Arbitrary<SnapshotEntry> = fc.oneof(
  fc.tuple(n, fc.boolean(), fc.boolean()).map(([i, wild, path]) =>
    apiEntry(i, {
      requestHost: wild ? `*.W${i}.test` : `Host-${i}.test`,
      ...(path ? { requestPath: `/p${i}` } : {}),
    }),
  ),
  fc.tuple(n, n, fc.boolean()).map(([i, c, on]) => pluginEntry(i, i === 3 ? 'all' : i, c, on)),
  n.map(certificateEntry),
);
const removal = fc.oneof(n.map(apiKey), n.map(pluginKey), n.map(certificateKey));
const everything = [0, 1, 2, 3].flatMap((i) => [
  apiEntry(i),
  certificateEntry(i),
  pluginEntry(i, i === 3 ? 'all' : i, i),
]);
const step = fc.record({
  full: fc.boolean(),
  // Half of the steps start from everything, so that consistent ones are not rare.
  upserts: fc.tuple(fc.boolean(), fc.array(upsert, { maxLength: 8 })),
  removals: fc.array(removal, { maxLength: 2 }),
  rejectAll: fc.boolean(),
});

describe('node store: properties', () => {
  it('answers as a plain map of entries would, after any deltas and full snapshots', () => {
    let applied = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        const dataDirectory = mkdtempSync(join(tmpdir(), 'signet-test-'));
        const writer = openNodeStoreWriter({ dataDirectory }, recordingLogger());
        const reader = openNodeStoreReader({ dataDirectory });
        try {
          let model = new Model();
          /** What each host last proved to serve. */
          const proved = new Map<string, CertificateId>();
          for (const {
            full,
            upserts: [whole, some],
            removals,
            rejectAll,
          } of steps) {
            const isFull = full || writer.revision === undefined;
            const upserts = whole ? [...everything, ...some] : some;
            const to = (writer.revision ?? 0) + 1;
            const next = model.after(isFull, upserts, removals);
            const change = delta(isFull ? 'empty' : to - 1, to, upserts, removals);
            if (!next.isConsistent()) {
              expect(() => writer.apply(change)).toThrow(SnapshotInconsistentError);
              continue;
            }
            const changes = writer.apply(change);
            applied += 1;
            for (const host of hosts) {
              const isSame = JSON.stringify(model.route(host)) === JSON.stringify(next.route(host));
              if (!isSame) expect(changes.hosts).toContain(host);
            }
            model = next;
            expect(writer.digest).toBe(model.digest());
            for (const host of hosts) {
              const routed = model.route(host);
              expect(reader.apiByHost(host)).toEqual(routed);
              expect(reader.bindingByHost(host)).toEqual(
                routed && { certificateId: routed.ssl?.config.certificateId },
              );
              const bound = model.bound(host);
              if (bound === undefined) proved.delete(host);
              const lastGood = bound === proved.get(host) ? undefined : proved.get(host);
              expect(reader.lastGoodCertificate(host)?.id).toBe(lastGood);
            }
            const routed = (apis: Api[]) => apis.map((api) => ({ api, ssl: model.ssl(api) }));
            expect(reader.wildcardApis()).toEqual(
              routed(model.apis().filter((api) => api.requestHost?.includes('*'))),
            );
            expect(reader.pathApis()).toEqual(
              routed(model.apis().filter((api) => api.requestPath !== undefined)),
            );
            // A host that has proved nothing yet has nothing to fall back to, rejected or not.
            const rejected = rejectAll ? hosts.filter((host) => proved.has(host)) : [];
            writer.settle({ revision: at(to), keepLastGood: rejected });
            for (const host of hosts) {
              const bound = model.bound(host);
              if (bound !== undefined && !rejected.includes(host)) proved.set(host, bound);
            }
          }
        } finally {
          reader.close();
          writer.close();
          rmSync(dataDirectory, { recursive: true });
        }
      }),
      { numRuns: 60 },
    );
    expect(applied).toBeGreaterThan(50);
  });
});
