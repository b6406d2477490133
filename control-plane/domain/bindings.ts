import type { GatewayEvent } from '../../shared/events.js';
import type { Api, ApiId, CertificateId, SslPlugin } from '../../shared/gateway-model.js';
import { pluginInScope } from './decide-plugin.js';
import type { GatewayState } from './state.js';

/** The enabled ssl plugin that applies to an API: its own, else the one for all APIs. */
export function pluginOfApi(state: GatewayState, apiId: ApiId): SslPlugin | undefined {
  const own = pluginInScope(state, apiId);
  if (own?.enabled) return own;
  const shared = pluginInScope(state, 'all');
  return shared?.enabled ? shared : undefined;
}

/** What a `request_host` serves before and after; absent is the default certificate. */
export interface BindingChange {
  readonly requestHost: string;
  readonly before?: CertificateId;
  readonly after?: CertificateId;
}

/** Host → certificate differences that the events between two states made. */
export function bindingChanges(
  before: GatewayState,
  after: GatewayState,
  events: readonly GatewayEvent[],
): readonly BindingChange[] {
  const changes: BindingChange[] = [];
  for (const host of touchedHosts(before, after, events)) {
    const old = boundTo(before, host);
    const now = boundTo(after, host);
    if (old === now) continue;
    changes.push({
      requestHost: host,
      ...(old !== undefined && { before: old }),
      ...(now !== undefined && { after: now }),
    });
  }
  return changes;
}

/** The certificate of a `request_host` in lower case, wildcards taken literally. */
export function boundTo(state: GatewayState, requestHost: string): CertificateId | undefined {
  const apiId = state.apiIdByHost.get(requestHost);
  return apiId === undefined ? undefined : pluginOfApi(state, apiId)?.config.certificateId;
}

function touchedHosts(
  before: GatewayState,
  after: GatewayState,
  events: readonly GatewayEvent[],
): ReadonlySet<string> {
  const hosts = new Set<string>();
  const addApi = (api: Api | undefined) => {
    if (api?.requestHost !== undefined) hosts.add(api.requestHost.toLowerCase());
  };
  const addScope = (plugin: SslPlugin | undefined) => {
    if (plugin === undefined) return;
    for (const state of [before, after]) {
      if (plugin.apiId !== undefined) addApi(state.apis.get(plugin.apiId));
      else for (const host of state.apiIdByHost.keys()) hosts.add(host);
    }
  };
  for (const event of events) {
    switch (event.type) {
      case 'ApiAdded':
      case 'ApiUpdated':
        addApi(before.apis.get(event.data.api.id));
        addApi(event.data.api);
        break;
      case 'ApiDeleted':
        addApi(before.apis.get(event.data.apiId));
        break;
      case 'PluginAdded':
      case 'PluginUpdated':
        addScope(before.plugins.get(event.data.plugin.id));
        addScope(event.data.plugin);
        break;
      case 'PluginDeleted':
        addScope(before.plugins.get(event.data.pluginId));
        break;
      default:
    }
  }
  return hosts;
}
