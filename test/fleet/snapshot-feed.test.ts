import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SnapshotFeed } from '../../control-plane/distribution/snapshot-feed.js';
import type { GatewayState } from '../../control-plane/domain/state.js';
import {
  digestAt,
  entryAt,
  entryKeysAt,
} from '../../control-plane/projections/snapshot-entries.js';
import { canonicalJson, type JsonValue } from '../../shared/canonical-json.js';
import type { GatewayEvent } from '../../shared/events.js';
import type { Revision } from '../../shared/revision.js';
import { formatDigest } from '../../shared/snapshot-digest.js';
import {
  api,
  apiAdded,
  apiDeleted,
  apiUpdated,
  certificate,
  certUploaded,
  keyErased,
  plugin,
  pluginAdded,
  pluginDeleted,
  pluginUpdated,
} from '../support/gateway-fixtures.js';
import { TestControl } from './test-cluster.js';

const n = fc.integer({ min: 0, max: 3 });
const scope = fc.oneof(n, fc.constant('all' as const));
const event: fc.Arbitrary<GatewayEvent> = fc.oneof(
  n.map((i) => apiAdded(api(i))),
  fc.tuple(n, fc.string()).map(([i, name]) => apiUpdated(api(i, { name }))),
  n.map(apiDeleted),
  fc.tuple(n, scope, n).map(([i, s, c]) => pluginAdded(plugin(i, s, c))),
  fc.tuple(n, scope, n).map(([i, s, c]) => pluginUpdated(plugin(i, s, c))),
  n.map(pluginDeleted),
  n.map((i) => certUploaded(certificate(i))),
  n.map(keyErased),
);
const history = fc.array(fc.array(event, { minLength: 1, maxLength: 4 }), { maxLength: 20 });

/** Every entry of a state by its name, as text. */
function entriesOf(state: GatewayState): Map<string, string> {
  const text = (value: unknown) => canonicalJson(value as JsonValue);
  return new Map(
    [...entryKeysAt(state)].map((key) => [
      `${key.kind} ${key.id}`,
      text(structuredClone(entryAt(state, key))),
    ]),
  );
}

describe('snapshot feed: properties', () => {
  it('names exactly the entries that differ since any remembered revision', () => {
    fc.assert(
      fc.property(history, (batches) => {
        const control = new TestControl();
        const feed = new SnapshotFeed({ control });
        const states: [Revision, GatewayState][] = [];
        for (const batch of batches) {
          if (control.head !== 'empty') states.push([control.head, control.state]);
          control.record(...batch);
        }
        const now = entriesOf(control.state);
        for (const [revision, state] of states) {
          const then = entriesOf(state);
          const differing = [...new Set([...then.keys(), ...now.keys()])].filter(
            (name) => then.get(name) !== now.get(name),
          );
          const named = (feed.changedSince(revision) ?? []).map(({ kind, id }) => `${kind} ${id}`);
          expect(named).toEqual(expect.arrayContaining(differing));
        }
      }),
    );
  });

  it('keeps the digest that hashing the whole state would give', () => {
    fc.assert(
      fc.property(history, (batches) => {
        const control = new TestControl();
        const feed = new SnapshotFeed({ control });
        for (const batch of batches) {
          control.record(...batch);
          expect(feed.head?.digest).toBe(formatDigest(digestAt(control.state)));
        }
        const late = new SnapshotFeed({ control });
        expect(late.head).toEqual(feed.head);
      }),
    );
  });
});

describe('snapshot feed', () => {
  it('forgets the oldest changes and then has no delta for who stands there', () => {
    const control = new TestControl();
    const feed = new SnapshotFeed({ control, maxRememberedKeys: 12 });
    const start = control.head as Revision;
    control.bindHost(1);
    const afterOne = control.head as Revision;
    expect(feed.changedSince(start)).toHaveLength(3);
    control.bindHost(2);
    control.bindHost(3);
    control.bindHost(4);
    expect(feed.changedSince(start)).toBeUndefined();
    expect(feed.changedSince(afterOne)).toHaveLength(9);
    expect(feed.changedSince(control.head as Revision)).toEqual([]);
    expect(feed.digestAt(control.head as Revision)).toBe(feed.head?.digest);
    expect(feed.digestAt(start)).toBeUndefined();
  });

  it('leaves certificates to the control plane that no plugin uses', () => {
    const control = new TestControl();
    const feed = new SnapshotFeed({ control });
    const empty = feed.head?.digest;
    control.record(certUploaded(certificate(1)));
    expect(feed.head?.digest).toBe(empty);
    expect(feed.changedSince(0 as Revision)).toEqual([]);
  });
});
