import { describe, expect, it } from 'vitest';
import type { CommandContext } from '../../control-plane/application/command-outcome.js';
import type { AddApi, AddPlugin, Command } from '../../control-plane/domain/commands.js';
import type { EventLog } from '../../control-plane/ports/event-log.js';
import {
  AppendOutcomeUnknownError,
  LogUnavailableError,
} from '../../control-plane/ports/event-log-errors.js';
import { keysIn, openStores, type Stores, startControlPlane } from '../support/control-plane.js';
import {
  api,
  apiId,
  certificate,
  certificateId,
  createdAt,
  keyId,
  pluginId,
  pluginSettings,
  settings,
} from '../support/gateway-fixtures.js';
import { plainState } from '../support/plain-state.js';

const context: CommandContext = { actor: 'tester', correlationId: 'c-1' };

const addApi = (n: number): AddApi => ({
  type: 'AddApi',
  id: apiId(n),
  createdAt,
  settings: settings(n),
});

const addPlugin = (n: number, chain = n): AddPlugin => ({
  type: 'AddPlugin',
  id: pluginId(n),
  createdAt,
  apiId: apiId(n),
  settings: pluginSettings,
  certificate: certificate(n, chain),
});

const withKey = (n: number): CommandContext => ({
  ...context,
  keys: new Map([[keyId(n), { kind: 'pem', keyPem: `key ${n}` }]]),
});

/** The log of the stores with `append` replaced. */
function appendingBy(stores: Stores, append: EventLog['append']): Stores {
  const { log } = stores;
  const replaced: EventLog = {
    append,
    read: (from) => log.read(from),
    head: () => log.head(),
    subscribe: (after, consumer, signal) => log.subscribe(after, consumer, signal),
    trim: (before) => log.trim(before),
    close: () => log.close(),
  };
  return { ...stores, log: replaced };
}

describe('the command handler', () => {
  it('records, folds and answers; a replay leads to the same state', async () => {
    const stores = await openStores();
    const { handler, folded } = await startControlPlane(stores);
    const outcome = await handler.execute(addApi(1), context);
    expect(outcome).toMatchObject({ status: 'recorded', head: 0, events: [{ revision: 0 }] });
    expect(folded.head).toBe(0);
    expect(folded.state.apis.get(apiId(1))).toEqual(api(1));
    const restarted = await startControlPlane(stores);
    expect(plainState(restarted.folded.state)).toEqual(plainState(folded.state));
    expect(restarted.folded.chain).toEqual(folded.chain);
  });

  it('answers a rejection and records nothing', async () => {
    const { handler, folded } = await startControlPlane(await openStores());
    const outcome = await handler.execute({ type: 'DeleteApi', id: apiId(1) }, context);
    expect(outcome).toEqual({ status: 'rejected', rejection: { code: 'api-not-found' } });
    expect(folded.head).toBe('empty');
  });

  it('puts commands that arrive together into one append, each deciding after the one before', async () => {
    const stores = await openStores();
    const appends: number[] = [];
    const { handler } = await startControlPlane(
      appendingBy(stores, (expected, events) => {
        appends.push(events.length);
        return stores.log.append(expected, events);
      }),
    );
    const commands: Command[] = [
      addApi(1),
      addApi(1),
      { type: 'DeleteApi', id: apiId(1) },
      addApi(2),
    ];
    const outcomes = await Promise.all(commands.map((each) => handler.execute(each, context)));
    expect(appends).toEqual([3]);
    expect(outcomes.map((each) => each.status === 'recorded' && each.head)).toEqual([
      0,
      false,
      1,
      2,
    ]);
  });

  it('stores the key before the event that names it', async () => {
    const stores = await openStores();
    const keysAtAppend: string[][] = [];
    const { handler } = await startControlPlane(
      appendingBy(stores, async (expected, events) => {
        keysAtAppend.push(await keysIn(stores.vault));
        return stores.log.append(expected, events);
      }),
    );
    await handler.execute(addApi(1), context);
    await handler.execute(addPlugin(1), withKey(1));
    expect(keysAtAppend).toEqual([[], [keyId(1)]]);
    expect(await stores.vault.open(keyId(1))).toBe('key 1');
  });

  it('takes keys back that no event names: rejected, already stored, or not appended', async () => {
    const stores = await openStores();
    let down = false;
    const { handler } = await startControlPlane(
      appendingBy(stores, (expected, events) => {
        if (down) throw new LogUnavailableError('down');
        return stores.log.append(expected, events);
      }),
    );
    await handler.execute(addApi(1), context);
    await handler.execute(addApi(2), context);
    await handler.execute(addPlugin(1), withKey(1));
    await handler.execute(addPlugin(2, 1), withKey(2));
    await handler.execute({ ...addPlugin(3), apiId: apiId(1) }, withKey(3));
    down = true;
    await expect(
      handler.execute({ ...addPlugin(4), apiId: apiId(1) }, withKey(4)),
    ).resolves.toEqual({
      status: 'rejected',
      rejection: { code: 'plugin-already-exists' },
    });
    await expect(handler.execute(addApi(5), context)).rejects.toThrow(LogUnavailableError);
    await handler.idle();
    expect(await keysIn(stores.vault)).toEqual([keyId(1)]);
  });

  it('stores the key of an upload whose stored twin went while it waited', async () => {
    const stores = await openStores();
    const { handler, folded } = await startControlPlane(stores);
    await handler.execute(addApi(1), context);
    await handler.execute(addApi(2), context);
    await handler.execute(addPlugin(1), withKey(1));
    const [, , outcome] = await Promise.all([
      handler.execute({ type: 'DeletePlugin', id: pluginId(1) }, context),
      handler.execute({ type: 'EraseKey', certificateId: certificateId(1) }, context),
      handler.execute(addPlugin(2, 1), withKey(2)),
    ]);
    expect(outcome.status).toBe('recorded');
    expect(folded.state.certificates.has(certificateId(2))).toBe(true);
    expect(await stores.vault.open(keyId(2))).toBe('key 2');
  });

  it('decides anew when another control plane was faster; a unique value goes to exactly one', async () => {
    const stores = await openStores();
    const planes = await Promise.all([startControlPlane(stores), startControlPlane(stores)]);
    const attempts = Array.from({ length: 40 }, (_, n) => {
      const command = { ...addApi(n), settings: settings(n, { name: `name-${n % 10}` }) };
      return planes[n % 2]?.handler.execute(command, context);
    });
    const outcomes = await Promise.all(attempts);
    expect(outcomes.filter((each) => each?.status === 'recorded')).toHaveLength(10);
    for (const { folded } of planes) {
      await folded.catchUp();
      expect(folded.state.apis.size).toBe(10);
      expect(folded.head).toBe(9);
    }
    expect(planes[0].folded.chain).toEqual(planes[1].folded.chain);
  });

  it('follows what other control planes write', async () => {
    const stores = await openStores();
    const writer = await startControlPlane(stores);
    const reader = await startControlPlane(stores);
    const stopping = new AbortController();
    const following = reader.folded.follow(stopping.signal);
    const seen = new Promise<number>((resolve) => {
      reader.folded.onRecorded((_events, _before, after) => resolve(after.apis.size));
    });
    await writer.handler.execute(addApi(1), context);
    expect(await seen).toBe(1);
    stopping.abort();
    await following;
  });

  it('finds an append whose answer was lost, and writes it once', async () => {
    const stores = await openStores();
    let lost = 2;
    const { handler, folded } = await startControlPlane(
      appendingBy(stores, async (expected, events) => {
        const appended = await stores.log.append(expected, events);
        if (lost-- > 0) throw new AppendOutcomeUnknownError('no answer');
        return appended;
      }),
    );
    expect(await handler.execute(addApi(1), context)).toMatchObject({
      status: 'recorded',
      head: 0,
    });
    expect(await stores.log.head()).toBe(0);
    expect(folded.head).toBe(0);
  });

  it('answers a repeated idempotency key from the log, on any control plane', async () => {
    const stores = await openStores();
    const planes = await Promise.all([startControlPlane(stores), startControlPlane(stores)]);
    const keyed = { ...context, idempotency: { key: 'k', request: 'a'.repeat(64) } };
    const outcomes = await Promise.all(
      planes.map(({ handler }) => handler.execute(addApi(1), keyed)),
    );
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['recorded', 'repeated']);
    const write = { request: 'a'.repeat(64), first: 0, last: 0 };
    const restarted = await startControlPlane(stores);
    expect(await restarted.handler.execute(addApi(1), keyed)).toEqual({
      status: 'repeated',
      write,
    });
    const other = { ...context, idempotency: { key: 'k', request: 'b'.repeat(64) } };
    expect(await restarted.handler.execute(addApi(2), other)).toEqual({
      status: 'rejected',
      rejection: { code: 'idempotency-key-reused' },
    });
  });

  it('rejects a command whose precondition does not hold when its turn comes', async () => {
    const { handler } = await startControlPlane(await openStores());
    const only = { ...context, precondition: (_: unknown, head: unknown) => head === 'empty' };
    const outcomes = await Promise.all([
      handler.execute(addApi(1), only),
      handler.execute(addApi(2), only),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['recorded', 'rejected']);
  });

  it('fails a command whose event the log could not carry, and only that', async () => {
    const { handler, folded } = await startControlPlane(await openStores());
    const huge = { ...addApi(1), settings: settings(1, { upstreamUrl: 'x'.repeat(300_000) }) };
    const broken = { ...addApi(2), settings: settings(2, { upstreamUrl: '\ud800' }) };
    const outcomes = await Promise.allSettled(
      [huge, broken, addApi(3)].map((each) => handler.execute(each, context)),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    expect(folded.state.apis.size).toBe(1);
  });

  it('rolls back more than one append can carry, piece by piece', async () => {
    const { handler, folded } = await startControlPlane(await openStores());
    const target = folded.state;
    await Promise.all(Array.from({ length: 250 }, (_, n) => handler.execute(addApi(n), context)));
    const rollback = { type: 'Rollback', target, scope: { kind: 'everything' } } as const;
    const outcome = await handler.execute(rollback, context);
    if (outcome.status !== 'recorded') throw new Error(outcome.status);
    expect(outcome.events).toHaveLength(250);
    expect(outcome.before.apis.size).toBe(250);
    expect(folded.state.apis.size).toBe(0);
    expect(outcome.head).toBe(499);
  });
});
