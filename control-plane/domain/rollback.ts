import { isSameData } from '../../shared/canonical-json.js';
import type { GatewayEvent } from '../../shared/events.js';
import type { Api, ApiId, CertificateId, SslPlugin } from '../../shared/gateway-model.js';
import type { Rollback, RollbackScope } from './commands.js';
import { pluginInScope } from './decide-plugin.js';
import {
  accept,
  type Decision,
  type LostKey,
  reject,
  type UniqueConflict,
  type UniqueField,
} from './decision.js';
import type { GatewayState } from './state.js';

/**
 * The difference between now and then as forward events: deletions, then APIs, then plugins, so that
 * every prefix of them is a consistent configuration. Asking again after a prefix was recorded gives
 * the rest, which is how a rollback larger than one append is carried out.
 */
export function rollback(state: GatewayState, { target, scope }: Rollback): Decision {
  const apiIds = apisInScope(state, target, scope);
  const scopes: readonly (ApiId | 'all')[] =
    scope.kind === 'everything' ? [...apiIds, 'all'] : apiIds;

  const conflicts = scope.kind === 'everything' ? [] : takenByOthers(state, target, apiIds);
  if (conflicts.length > 0) return reject({ code: 'already-exists', conflicts });
  const lost = scopes.flatMap((each) => lostKeys(state, target, each));
  if (lost.length > 0) return reject({ code: 'key-erased', lost });

  return accept(
    ...scopes.flatMap((each) => pluginRemovals(state, target, each)),
    ...apiIds.flatMap((id) => apiRemovals(state, target, id)),
    ...apiIds.flatMap((id) => apiRestorations(state, target, id)),
    ...scopes.flatMap((each) => pluginRestorations(state, target, each)),
  );
}

function apisInScope(
  state: GatewayState,
  target: GatewayState,
  scope: RollbackScope,
): readonly ApiId[] {
  const ids = new Set<ApiId>();
  switch (scope.kind) {
    case 'everything':
      // Persistent maps share what is equal: only entries that differ are looked at any further.
      for (const [id, api] of state.apis) if (differs(state, target, id, api)) ids.add(id);
      for (const id of target.apis.keys()) if (!state.apis.has(id)) ids.add(id);
      break;
    case 'api':
      ids.add(scope.apiId);
      break;
    case 'host':
      for (const side of [state, target]) {
        const id = side.apiIdByHost.get(scope.requestHost.toLowerCase());
        if (id !== undefined) ids.add(id);
      }
      break;
    default: {
      const unknown: never = scope;
      return unknown;
    }
  }
  return [...ids];
}

function differs(state: GatewayState, target: GatewayState, id: ApiId, api: Api): boolean {
  return target.apis.get(id) !== api || pluginInScope(target, id) !== pluginInScope(state, id);
}

function pluginRemovals(
  state: GatewayState,
  target: GatewayState,
  scope: ApiId | 'all',
): readonly GatewayEvent[] {
  const now = pluginInScope(state, scope);
  if (now === undefined || pluginInScope(target, scope)?.id === now.id) return [];
  return [{ type: 'PluginDeleted', data: { pluginId: now.id } }];
}

function apiRemovals(
  state: GatewayState,
  target: GatewayState,
  id: ApiId,
): readonly GatewayEvent[] {
  if (!state.apis.has(id) || target.apis.has(id)) return [];
  return [{ type: 'ApiDeleted', data: { apiId: id } }];
}

function apiRestorations(
  state: GatewayState,
  target: GatewayState,
  id: ApiId,
): readonly GatewayEvent[] {
  const then = target.apis.get(id);
  if (then === undefined) return [];
  const now = state.apis.get(id);
  if (now === undefined) return [{ type: 'ApiAdded', data: { api: then } }];
  return isSameData(now, then) ? [] : [{ type: 'ApiUpdated', data: { api: then } }];
}

function pluginRestorations(
  state: GatewayState,
  target: GatewayState,
  scope: ApiId | 'all',
): readonly GatewayEvent[] {
  const then = pluginInScope(target, scope);
  if (then === undefined) return [];
  const now = pluginInScope(state, scope);
  const plugin = withLivingCertificate(state, target, then);
  if (now?.id !== plugin.id) return [{ type: 'PluginAdded', data: { plugin } }];
  return isSameData(now, plugin) ? [] : [{ type: 'PluginUpdated', data: { plugin } }];
}

function lostKeys(
  state: GatewayState,
  target: GatewayState,
  scope: ApiId | 'all',
): readonly LostKey[] {
  const then = pluginInScope(target, scope);
  if (then === undefined || livingCertificate(state, target, then) !== undefined) return [];
  const certificateId = then.config.certificateId;
  const requestHost = scope === 'all' ? undefined : target.apis.get(scope)?.requestHost;
  return [
    {
      certificateId,
      fingerprint256: target.certificates.get(certificateId)?.fingerprint256 ?? 'unknown',
      ...(requestHost !== undefined && { requestHost }),
    },
  ];
}

function withLivingCertificate(
  state: GatewayState,
  target: GatewayState,
  plugin: SslPlugin,
): SslPlugin {
  const certificateId = livingCertificate(state, target, plugin) ?? plugin.config.certificateId;
  return { ...plugin, config: { ...plugin.config, certificateId } };
}

/** The certificate itself while its key is there, or the same chain that was uploaded again since. */
function livingCertificate(
  state: GatewayState,
  target: GatewayState,
  plugin: SslPlugin,
): CertificateId | undefined {
  const id = plugin.config.certificateId;
  if (state.certificates.has(id)) return id;
  const then = target.certificates.get(id);
  if (then === undefined) return undefined;
  return state.certificateIdsByLeaf
    .membersOf(then.fingerprint256)
    .find((other) => state.certificates.get(other)?.chainPem === then.chainPem);
}

/** Unique values that an API is to get back while another one, outside the scope, holds them now. */
function takenByOthers(
  state: GatewayState,
  target: GatewayState,
  apiIds: readonly ApiId[],
): readonly UniqueConflict[] {
  const conflicts: UniqueConflict[] = [];
  for (const id of apiIds) {
    const api = target.apis.get(id);
    if (api === undefined) continue;
    const check = (field: UniqueField, value: string | undefined, holder: ApiId | undefined) => {
      if (value === undefined || holder === undefined || apiIds.includes(holder)) return;
      conflicts.push({ field, value, taken: value });
    };
    check('name', api.name, state.apiIdByName.get(api.name));
    check(
      'request_host',
      api.requestHost,
      state.apiIdByHost.get(api.requestHost?.toLowerCase() ?? ''),
    );
    check('request_path', api.requestPath, state.apiIdByPath.get(api.requestPath ?? ''));
  }
  return conflicts;
}
