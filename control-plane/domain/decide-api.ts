import { isSameData } from '../../shared/canonical-json.js';
import type { GatewayEvent } from '../../shared/events.js';
import type { Api, ApiId } from '../../shared/gateway-model.js';
import type { AddApi, ApiSettings, ChangeApi, DeleteApi, ReplaceApi } from './commands.js';
import {
  accept,
  type Decision,
  reject,
  type UniqueConflict,
  type UniqueField,
} from './decision.js';
import type { GatewayState } from './state.js';
import { without } from './without.js';

export function addApi(state: GatewayState, { id, createdAt, settings }: AddApi): Decision {
  const api: Api = { id, createdAt, ...settings };
  const conflicts = conflictsOf(state, api);
  if (state.apis.has(id)) conflicts.unshift({ field: 'id', value: id, taken: id });
  if (conflicts.length > 0) return reject({ code: 'already-exists', conflicts });
  return accept({ type: 'ApiAdded', data: { api } });
}

export function replaceApi(state: GatewayState, command: ReplaceApi): Decision {
  const before = state.apis.get(command.id);
  if (before === undefined) return reject({ code: 'api-not-found' });
  const { id, createdAt = before.createdAt, settings } = command;
  return updateApi(state, before, { id, createdAt, ...settings });
}

export function changeApi(state: GatewayState, { id, changes, unset }: ChangeApi): Decision {
  const before = state.apis.get(id);
  if (before === undefined) return reject({ code: 'api-not-found' });
  return updateApi(state, before, without({ ...before, ...changes }, unset));
}

/** Takes the API's plugin along. */
export function deleteApi(state: GatewayState, { id }: DeleteApi): Decision {
  if (!state.apis.has(id)) return reject({ code: 'api-not-found' });
  const events: GatewayEvent[] = [];
  const pluginId = state.pluginIdByScope.get(id);
  if (pluginId !== undefined) events.push({ type: 'PluginDeleted', data: { pluginId } });
  events.push({ type: 'ApiDeleted', data: { apiId: id } });
  return accept(...events);
}

function updateApi(state: GatewayState, before: Api, api: Api): Decision {
  const conflicts = conflictsOf(state, api);
  if (conflicts.length > 0) return reject({ code: 'already-exists', conflicts });
  if (isSameData(before, api)) return accept();
  return accept({ type: 'ApiUpdated', data: { api } });
}

/** Every unique value that belongs to another API. Two spellings of one host are one SNI (RFC 4343). */
function conflictsOf(
  state: GatewayState,
  api: ApiSettings & { readonly id: ApiId },
): UniqueConflict[] {
  const conflicts: UniqueConflict[] = [];
  const check = (field: UniqueField, value: string | undefined, holder: ApiId | undefined) => {
    const other = holder === undefined || holder === api.id ? undefined : state.apis.get(holder);
    if (value === undefined || other === undefined) return;
    const taken = field === 'request_host' ? (other.requestHost ?? value) : value;
    conflicts.push({ field, value, taken });
  };
  check('name', api.name, state.apiIdByName.get(api.name));
  const host = api.requestHost;
  if (host !== undefined) check('request_host', host, state.apiIdByHost.get(host.toLowerCase()));
  const path = api.requestPath;
  if (path !== undefined) check('request_path', path, state.apiIdByPath.get(path));
  return conflicts;
}
