import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bindingChanges, boundTo } from '../../control-plane/domain/bindings.js';
import type { Command } from '../../control-plane/domain/commands.js';
import { decide } from '../../control-plane/domain/decide.js';
import { evolve } from '../../control-plane/domain/evolve.js';
import { type GatewayState, initialState } from '../../control-plane/domain/state.js';
import type { GatewayEvent } from '../../shared/events.js';
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
  plugin,
  pluginAdded,
  pluginDeleted,
  pluginId,
  pluginSettings,
  pluginUpdated,
  settings,
} from '../support/gateway-fixtures.js';
import { plainState } from '../support/plain-state.js';

// Few ids and hosts, so that histories collide on purpose.
const n = fc.integer({ min: 1, max: 4 });
const scope = fc.oneof(n, fc.constant('all' as const));
const apiValue = fc.tuple(n, n, n, fc.boolean()).map(([id, name, host, path]) =>
  api(id, {
    name: `api-${name}`,
    requestHost: `Host-${host}.test`,
    ...(path && { requestPath: `/${host}` }),
  }),
);
const pluginValue = fc
  .tuple(n, scope, n, fc.boolean())
  .map(([id, where, cert, enabled]) => plugin(id, where, cert, { enabled }));

const event: fc.Arbitrary<GatewayEvent> = fc.oneof(
  apiValue.map(apiAdded),
  apiValue.map(apiUpdated),
  n.map(apiDeleted),
  pluginValue.map(pluginAdded),
  pluginValue.map(pluginUpdated),
  n.map(pluginDeleted),
  fc.tuple(n, n).map(([id, chain]) => certUploaded(certificate(id, chain))),
  n.map(keyErased),
  fc.constant<GatewayEvent>({ type: 'LogCreated', data: { logId: 'l' } }),
);

// Ids of certificates are fresh in each upload, as the admin API makes them.
let uploads = 100;
const upload = n.map((chain) => certificate(uploads++, chain));
const choice = fc.oneof(
  fc.constant({ kind: 'keep' } as const),
  upload.map((each) => ({ kind: 'upload', certificate: each }) as const),
);
const command: fc.Arbitrary<Command> = fc.oneof(
  apiValue.map(({ id, createdAt: at, ...rest }) => ({
    type: 'AddApi' as const,
    id,
    createdAt: at,
    settings: rest,
  })),
  apiValue.map(({ id, createdAt: _, ...rest }) => ({
    type: 'ReplaceApi' as const,
    id,
    settings: rest,
  })),
  fc.tuple(n, n, fc.boolean()).map(([id, host, preserveHost]) => ({
    type: 'ChangeApi' as const,
    id: apiId(id),
    changes: { requestHost: settings(host).requestHost ?? '', preserveHost },
  })),
  n.map((id) => ({ type: 'DeleteApi' as const, id: apiId(id) })),
  fc.tuple(n, scope, upload).map(([id, where, each]) => ({
    type: 'AddPlugin' as const,
    id: pluginId(id),
    createdAt,
    ...(where !== 'all' && { apiId: apiId(where) }),
    settings: pluginSettings,
    certificate: each,
  })),
  fc.tuple(n, scope, choice).map(([id, where, each]) => ({
    type: 'ReplacePlugin' as const,
    id: pluginId(id),
    ...(where !== 'all' && { apiId: apiId(where) }),
    settings: pluginSettings,
    certificate: each,
  })),
  fc.tuple(n, fc.boolean(), choice).map(([id, enabled, each]) => ({
    type: 'ChangePlugin' as const,
    id: pluginId(id),
    changes: { enabled },
    certificate: each,
  })),
  n.map((id) => ({ type: 'DeletePlugin' as const, id: pluginId(id) })),
  fc
    .integer({ min: 100, max: 140 })
    .map((id) => ({ type: 'EraseKey' as const, certificateId: certificateId(id) })),
);

function run(state: GatewayState, each: Command): GatewayState {
  const decision = decide(state, each);
  return decision.accepted ? decision.events.reduce(evolve, state) : state;
}

function expectConsistent(state: GatewayState): void {
  const hosts = new Set<string>();
  for (const [id, { name, requestHost, requestPath }] of state.apis) {
    expect(state.apiIdByName.get(name)).toBe(id);
    if (requestHost !== undefined) {
      hosts.add(requestHost.toLowerCase());
      expect(state.apiIdByHost.get(requestHost.toLowerCase())).toBe(id);
    }
    if (requestPath !== undefined) expect(state.apiIdByPath.get(requestPath)).toBe(id);
  }
  expect(state.apiIdByName.size).toBe(state.apis.size);
  expect(new Set(state.apiIdByHost.keys())).toEqual(hosts);
  expect(state.pluginIdByScope.size).toBe(state.plugins.size);
  for (const [id, { apiId: of, config }] of state.plugins) {
    expect(state.pluginIdByScope.get(of ?? 'all')).toBe(id);
    if (of !== undefined) expect(state.apis.has(of)).toBe(true);
    expect(state.certificates.has(config.certificateId)).toBe(true);
    expect(state.usesByCertificate.membersOf(config.certificateId)).toContain(id);
  }
  for (const id of state.certificates.keys()) {
    // Every key is either in use or marked for erasure, never both: none is forgotten, none lost.
    expect(state.keysToErase.has(id)).toBe(!state.usesByCertificate.has(id));
  }
}

describe('evolve', () => {
  it('is total over arbitrary histories', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        expect(() => events.reduce(evolve, initialState)).not.toThrow();
      }),
    );
  });
});

describe('decide', () => {
  it('leads only to consistent states', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
        expectConsistent(commands.reduce(run, initialState));
      }),
      { numRuns: 300 },
    );
  });

  it('leads to the state that a replay of its events leads to', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
        const recorded: GatewayEvent[] = [];
        let state = initialState;
        for (const each of commands) {
          const decision = decide(state, each);
          if (!decision.accepted) continue;
          recorded.push(...decision.events);
          state = decision.events.reduce(evolve, state);
        }
        const replayed = recorded.reduce(evolve, initialState);
        expect(plainState(replayed)).toEqual(plainState(state));
      }),
    );
  });

  it('rejects a repeated command or adds nothing', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 20 }), command, (commands, repeated) => {
        const once = run(commands.reduce(run, initialState), repeated);
        const again = decide(once, repeated);
        if (again.accepted) expect(again.events).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('restores any former state, or says which keys are gone', () => {
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 20 }),
        fc.array(command, { maxLength: 20 }),
        (before, after) => {
          const target = before.reduce(run, initialState);
          const now = after.reduce(run, target);
          const decision = decide(now, { type: 'Rollback', target, scope: { kind: 'everything' } });
          if (!decision.accepted) {
            expect(decision.rejection.code).toBe('key-erased');
            return;
          }
          let state = now;
          for (const each of decision.events) state = evolve(state, each);
          expectConsistent(state);
          expect(new Map(state.apis)).toEqual(new Map(target.apis));
          expect(bindingsOf(state)).toEqual(bindingsOf(target));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('bindingChanges', () => {
  it('finds exactly the hosts whose certificate differs', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 30 }), command, (commands, last) => {
        const before = commands.reduce(run, initialState);
        const decision = decide(before, last);
        if (!decision.accepted) return;
        const after = decision.events.reduce(evolve, before);
        const found = bindingChanges(before, after, decision.events).map(
          (each) => each.requestHost,
        );
        const all = new Set([...before.apiIdByHost.keys(), ...after.apiIdByHost.keys()]);
        const different = [...all].filter((host) => boundTo(before, host) !== boundTo(after, host));
        expect(found.sort()).toEqual(different.sort());
      }),
    );
  });
});

function bindingsOf(state: GatewayState): Record<string, string | undefined> {
  const bindings: Record<string, string | undefined> = {};
  for (const host of state.apiIdByHost.keys()) {
    const id = boundTo(state, host);
    bindings[host] = id === undefined ? undefined : state.certificates.get(id)?.chainPem;
  }
  return bindings;
}
