import { describe, expect, it } from 'vitest';
import { KeyErasure } from '../../control-plane/application/key-erasure.js';
import { sweepOrphanKeys } from '../../control-plane/application/orphan-sweep.js';
import type { KeyVault } from '../../control-plane/ports/key-vault.js';
import { VaultUnavailableError } from '../../control-plane/ports/key-vault-errors.js';
import {
  keysIn,
  openStores,
  type Stores,
  silentLogger,
  startControlPlane,
  type TestControlPlane,
} from '../support/control-plane.js';
import {
  apiId,
  certificate,
  certificateId,
  createdAt,
  keyId,
  pluginId,
  pluginSettings,
  settings,
} from '../support/gateway-fixtures.js';

const context = { actor: 'tester', correlationId: 'c-1' };
const hour = 3_600_000;

function withKey(n: number) {
  return { ...context, keys: new Map([[keyId(n), { kind: 'pem', keyPem: `key ${n}` } as const]]) };
}

async function bind({ handler }: TestControlPlane): Promise<void> {
  await handler.execute(
    { type: 'AddApi', id: apiId(1), createdAt, settings: settings(1) },
    context,
  );
  await handler.execute(
    {
      type: 'AddPlugin',
      id: pluginId(1),
      createdAt,
      apiId: apiId(1),
      settings: pluginSettings,
      certificate: certificate(1),
    },
    withKey(1),
  );
}

function rotate({ handler }: TestControlPlane) {
  return handler.execute(
    {
      type: 'ChangePlugin',
      id: pluginId(1),
      changes: {},
      certificate: { kind: 'upload', certificate: certificate(2) },
    },
    withKey(2),
  );
}

async function startWithErasure(clock = Date.now, given?: Stores, retentionMs = hour) {
  const stores = given ?? (await openStores());
  const plane = await startControlPlane(stores, clock);
  const erasure = new KeyErasure({
    ...plane,
    clock,
    logger: silentLogger,
    replacedKeyRetentionMs: retentionMs,
  });
  return { plane, erasure };
}

describe('key erasure', () => {
  it('erases the key of a deleted certificate at once, and records it', async () => {
    const { plane, erasure } = await startWithErasure();
    await bind(plane);
    await plane.handler.execute({ type: 'DeleteApi', id: apiId(1) }, context);
    await erasure.idle();
    expect(await keysIn(plane.vault)).toEqual([]);
    expect(plane.folded.state.certificates.size).toBe(0);
    await erasure.stop();
  });

  it('keeps the key of a replaced certificate for a while', async () => {
    let now = Date.now();
    const { plane, erasure } = await startWithErasure(() => now);
    await bind(plane);
    await rotate(plane);
    await erasure.idle();
    expect(await keysIn(plane.vault)).toEqual([keyId(1), keyId(2)]);
    now += hour;
    await erasure.idle();
    expect(await keysIn(plane.vault)).toEqual([keyId(2)]);
    await erasure.stop();
  });

  it('leaves a key alone that is bound again in time, and counts anew when it is let go', async () => {
    let now = Date.now();
    const { plane, erasure } = await startWithErasure(() => now);
    await bind(plane);
    const target = plane.folded.state;
    await rotate(plane);
    now += hour / 2;
    const rollback = { type: 'Rollback', target, scope: { kind: 'everything' } } as const;
    await plane.handler.execute(rollback, context);
    now += hour * 2;
    await erasure.idle();
    // The rotation's own key was replaced half an hour in.
    expect(await keysIn(plane.vault)).toEqual([keyId(1)]);
    await erasure.stop();
  });

  it('wakes by itself when the time is over', async () => {
    const { plane, erasure } = await startWithErasure(undefined, undefined, 50);
    await bind(plane);
    const erased = new Promise<void>((resolve) => {
      plane.folded.onRecorded((events) => {
        if (events.some(({ event }) => event.type === 'KeyErased')) resolve();
      });
    });
    await rotate(plane);
    await erased;
    await erasure.idle();
    expect(await keysIn(plane.vault)).toEqual([keyId(2)]);
    await erasure.stop();
  });

  it('does not go through all that waits with each rotation', async () => {
    const { plane, erasure } = await startWithErasure();
    await bind(plane);
    const waiting = 3000;
    const startedAt = process.cpuUsage();
    for (let n = 0; n < waiting; n += 50) {
      await Promise.all(
        Array.from({ length: 50 }, (_, each) => {
          const made = certificate(100 + n + each);
          return plane.handler.execute(
            {
              type: 'ChangePlugin',
              id: pluginId(1),
              changes: {},
              certificate: { kind: 'upload', certificate: made },
            },
            { ...context, keys: new Map([[made.keyId, { kind: 'pem', keyPem: 'key' }]]) },
          );
        }),
      );
    }
    const { user } = process.cpuUsage(startedAt);
    expect(plane.folded.state.keysToErase.size).toBe(waiting);
    expect(user / 1000 / waiting).toBeLessThan(3);
    await erasure.stop();
  });

  it('finishes after a restart what was due before it', async () => {
    const stores = await openStores();
    const before = await startControlPlane(stores);
    await bind(before);
    await before.handler.execute({ type: 'DeletePlugin', id: pluginId(1) }, context);
    const { plane, erasure } = await startWithErasure(Date.now, stores);
    await erasure.idle();
    expect(await keysIn(stores.vault)).toEqual([]);
    expect(plane.folded.state.keysToErase.size).toBe(0);
    await erasure.stop();
  });

  it('tries again while the vault is unavailable', async () => {
    const { log, vault } = await openStores();
    let failures = 2;
    const flaky: KeyVault = {
      put: (id, pem) => vault.put(id, pem),
      open: (id) => vault.open(id),
      list: () => vault.list(),
      close: () => vault.close(),
      erase: (id) =>
        failures-- > 0 ? Promise.reject(new VaultUnavailableError('busy')) : vault.erase(id),
    };
    const { plane, erasure } = await startWithErasure(Date.now, { log, vault: flaky });
    await bind(plane);
    await plane.handler.execute({ type: 'DeletePlugin', id: pluginId(1) }, context);
    await erasure.idle();
    expect(await keysIn(vault)).toEqual([]);
    await erasure.stop();
  });
});

describe('the orphan sweep', () => {
  it('erases keys that a crash left without an event, or after KeyErased, and no other', async () => {
    const stores = await openStores();
    const plane = await startControlPlane(stores);
    await bind(plane);
    await rotate(plane);
    await stores.vault.put(keyId(7), 'put, but the append never came');
    await plane.handler.execute({ type: 'EraseKey', certificateId: certificateId(1) }, context);
    const swept = await sweepOrphanKeys({ ...plane, logger: silentLogger, graceMs: 0 });
    expect(swept).toBe(2);
    expect(await keysIn(stores.vault)).toEqual([keyId(2)]);
  });

  it('spares a key whose event arrives within the grace time', async () => {
    const stores = await openStores();
    const sweeper = await startControlPlane(stores);
    const writer = await startControlPlane(stores);
    await stores.vault.put(keyId(1), 'on its way');
    const sweeping = sweepOrphanKeys({ ...sweeper, logger: silentLogger, graceMs: 200 });
    await stores.vault.erase(keyId(1));
    await bind(writer);
    expect(await sweeping).toBe(0);
    expect(await keysIn(stores.vault)).toEqual([keyId(1)]);
  });
});
