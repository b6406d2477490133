import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { boundTo } from '../../control-plane/domain/bindings.js';
import type { Command } from '../../control-plane/domain/commands.js';
import { fold } from '../../control-plane/domain/evolve.js';
import { type GatewayState, initialState } from '../../control-plane/domain/state.js';
import { History } from '../../control-plane/projections/history.js';
import { HistoryIndex } from '../../control-plane/projections/history-index.js';
import type { EventId, GatewayEvent, RecordedEvent } from '../../shared/events.js';
import { type Revision, revision } from '../../shared/revision.js';
import {
  openStores,
  type Stores,
  silentLogger,
  startControlPlane,
  type TestControlPlane,
} from '../support/control-plane.js';
import {
  api,
  apiAdded,
  apiDeleted,
  apiId,
  apiUpdated,
  certificate,
  certificateId,
  certUploaded,
  createdAt,
  keyErased,
  keyId,
  plugin,
  pluginAdded,
  pluginDeleted,
  pluginId,
  pluginSettings,
  pluginUpdated,
  settings,
} from '../support/gateway-fixtures.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const start = Date.parse('2026-01-01T00:00:00.000Z');

/** Records of events, one second apart. */
function recorded(events: readonly GatewayEvent[]): RecordedEvent[] {
  return events.map((event, n) => ({
    revision: revision(n),
    id: `00000000-0000-4000-8000-${n.toString().padStart(12, '0')}` as EventId,
    event,
    metadata: {
      time: new Date(start + n * 1000).toISOString(),
      actor: n % 2 === 0 ? 'alice' : 'bob',
      correlationId: `c-${n}`,
    },
  }));
}

async function indexOf(events: readonly GatewayEvent[]): Promise<HistoryIndex> {
  const index = new HistoryIndex(join(await temporaryDirectory(), 'history.db'));
  onTestFinished(() => index.close());
  index.record(recorded(events));
  return index;
}

const story = [
  apiAdded(api(1)), // 0
  certUploaded(certificate(1)), // 1
  pluginAdded(plugin(1, 1)), // 2
  pluginUpdated(plugin(1, 1, 1, { onlyHttps: true })), // 3
  certUploaded(certificate(2)), // 4
  pluginUpdated(plugin(1, 1, 2)), // 5
  apiUpdated(api(1, { requestHost: 'moved.test' })), // 6
  keyErased(1), // 7
  certUploaded(certificate(3)), // 8
  pluginAdded(plugin(3, 'all')), // 9
  pluginDeleted(1), // 10
  apiDeleted(1), // 11
];

describe('the history index', () => {
  it('knows who a host was bound to at each revision, and since when', async () => {
    const index = await indexOf(story);
    const at = (host: string, n: number) => {
      const binding = index.binding(host, revision(n));
      return binding && [binding.certificateId, binding.since];
    };
    expect(at('host-1.test', 0)).toEqual([undefined, 0]);
    expect(at('host-1.test', 2)).toEqual([certificateId(1), 2]);
    expect(at('host-1.test', 4)).toEqual([certificateId(1), 2]);
    expect(at('host-1.test', 5)).toEqual([certificateId(2), 5]);
    expect(at('host-1.test', 6)).toBeUndefined();
    expect(at('moved.test', 5)).toBeUndefined();
    expect(at('moved.test', 6)).toEqual([certificateId(2), 6]);
    expect(at('moved.test', 10)).toEqual([certificateId(3), 10]);
    expect(at('moved.test', 11)).toBeUndefined();
  });

  it('finds events by API, host, type and actor, from either end', async () => {
    const index = await indexOf(story);
    const find = (query: object) => index.find({ limit: 100, ...query });
    expect(find({})).toHaveLength(12);
    expect(find({ apiId: apiId(1) })).toEqual(
      [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11].filter((n) => n !== 1 && n !== 4),
    );
    expect(find({ host: 'moved.test' })).toEqual([6, 9, 10, 11]);
    expect(find({ type: 'PluginUpdated', actor: 'bob' })).toEqual([3, 5]);
    expect(find({ after: 9 as Revision, limit: 1 })).toEqual([10]);
    expect(find({ newestFirst: true, before: 5 as Revision, limit: 2 })).toEqual([4, 3]);
  });

  it('finds the revision of a time', async () => {
    const index = await indexOf(story);
    expect(index.revisionAt(start - 1)).toBeUndefined();
    expect(index.revisionAt(start + 3500)).toBe(3);
    expect(index.revisionAt(start + 1e9)).toBe(11);
  });

  it('keeps what it knew of a certificate whose key was erased', async () => {
    const index = await indexOf(story);
    expect(index.certificate(certificateId(1))).toEqual({
      id: certificateId(1),
      fingerprint256: certificate(1).fingerprint256,
      names: ['host-1.test'],
      notBefore: certificate(1).notBefore,
      notAfter: certificate(1).notAfter,
      keyAlgorithm: 'p-256',
      uploadedAt: 1,
      erasedAt: 7,
    });
  });

  it('agrees with the folded state at every revision, whatever happened', async () => {
    const n = fc.integer({ min: 1, max: 3 });
    const scope = fc.oneof(n, fc.constant('all' as const));
    // Plugins and hosts stay apart as the domain keeps them: one per scope, one API per host.
    const event: fc.Arbitrary<GatewayEvent> = fc.oneof(
      fc
        .tuple(n, fc.boolean())
        .map(([id, moved]) =>
          apiAdded(api(id, { requestHost: moved ? `moved-${id}.test` : `host-${id}.test` })),
        ),
      n.map(apiDeleted),
      fc
        .tuple(scope, n, fc.boolean())
        .map(([where, cert, enabled]) =>
          pluginAdded(plugin(where === 'all' ? 9 : where, where, cert, { enabled })),
        ),
      n.map(pluginDeleted),
    );
    const directory = await temporaryDirectory();
    let file = 0;
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 30 }), (events) => {
        const all = recorded(withoutStrays(events));
        const index = new HistoryIndex(join(directory, `${file++}.db`));
        try {
          index.record(all);
          let state: GatewayState = initialState;
          for (const each of all) {
            state = fold(state, each);
            for (let host = 1; host <= 3; host++) {
              for (const name of [`host-${host}.test`, `moved-${host}.test`]) {
                const expected = boundTo(state, name);
                expect(index.binding(name, each.revision)?.certificateId).toBe(expected);
              }
            }
          }
        } finally {
          index.close();
        }
      }),
      { numRuns: 60 },
    );
  });
});

/** Leaves out what the domain never records: plugins of no API, deletions of what is not there. */
function withoutStrays(events: readonly GatewayEvent[]): GatewayEvent[] {
  const apis = new Set<string>();
  const kept: GatewayEvent[] = [];
  const plugins = new Map<string, string>();
  for (const event of events) {
    if (event.type === 'ApiAdded') apis.add(event.data.api.id);
    if (event.type === 'ApiDeleted') {
      if (!apis.delete(event.data.apiId)) continue;
      for (const [id, scope] of plugins) {
        if (scope !== event.data.apiId) continue;
        plugins.delete(id);
        kept.push({
          type: 'PluginDeleted',
          data: { pluginId: pluginId(Number(`0x${id.slice(-2)}`)) },
        });
      }
    }
    if (event.type === 'PluginAdded') {
      const { plugin: added } = event.data;
      if (added.apiId !== undefined && !apis.has(added.apiId)) continue;
      plugins.set(added.id, added.apiId ?? 'all');
    }
    if (event.type === 'PluginDeleted' && !plugins.delete(event.data.pluginId)) continue;
    kept.push(event);
  }
  return kept;
}

describe('history', () => {
  const context = { actor: 'tester', correlationId: 'c-1' };

  async function bind({ handler }: TestControlPlane): Promise<void> {
    const add: Command = { type: 'AddApi', id: apiId(1), createdAt, settings: settings(1) };
    await handler.execute(add, context);
    await handler.execute(
      {
        type: 'AddPlugin',
        id: pluginId(1),
        createdAt,
        apiId: apiId(1),
        settings: pluginSettings,
        certificate: certificate(1),
      },
      { ...context, keys: new Map([[keyId(1), { kind: 'pem', keyPem: 'key' }]]) },
    );
  }

  function open(plane: TestControlPlane, path: string): History {
    const { log, folded: control } = plane;
    return new History({ path, log, control, logger: silentLogger });
  }

  it('knows at once what was folded, and after a restart what it missed', async () => {
    const stores: Stores = await openStores();
    const plane = await startControlPlane(stores);
    const path = join(await temporaryDirectory(), 'history.db');
    const history = open(plane, path);
    await bind(plane);
    expect((await history.current()).head).toBe(2);
    await history.close();
    await plane.handler.execute({ type: 'DeletePlugin', id: pluginId(1) }, context);
    const again = open(await startControlPlane(stores), path);
    expect((await again.current()).head).toBe(3);
    const upload = await again.upload(certificateId(1));
    expect(upload).toEqual(certUploaded(certificate(1)));
    const events = await again.find({ apiId: apiId(1), limit: 10 });
    expect(events.map(({ event }) => event.type)).toEqual([
      'ApiAdded',
      'CertUploaded',
      'PluginAdded',
      'PluginDeleted',
    ]);
    await again.close();
  });

  it('is made anew if its file is damaged, or of another log', async () => {
    const plane = await startControlPlane(await openStores());
    await bind(plane);
    const path = join(await temporaryDirectory(), 'history.db');
    await writeFile(path, 'not a database at all, but long enough to be looked at');
    const made = open(plane, path);
    expect((await made.current()).head).toBe(2);
    await made.close();
    const other = await startControlPlane(await openStores());
    const anew = open(other, path);
    expect((await anew.current()).head).toBe('empty');
    await anew.close();
  });
});
