import type { GatewayEvent } from '../../shared/events.js';
import type { ApiId } from '../../shared/gateway-model.js';
import type { BindCertificates, HostBinding } from './commands.js';
import { addApi } from './decide-api.js';
import { addPlugin, changePlugin, pluginInScope } from './decide-plugin.js';
import { accept, type Decision, reject } from './decision.js';
import { evolve } from './evolve.js';
import type { GatewayState } from './state.js';

/**
 * Binds one host after the other, each decided on the state that those before it lead to. A host that is
 * refused is left out; it does not stop the others.
 */
export function bindCertificates(state: GatewayState, { bindings }: BindCertificates): Decision {
  const events: GatewayEvent[] = [];
  let now = state;
  for (const binding of bindings) {
    const decision = bindCertificate(now, binding);
    if (!decision.accepted) continue;
    events.push(...decision.events);
    now = decision.events.reduce(evolve, now);
  }
  return accept(...events);
}

/** The host's API gets a plugin with the certificate, or the plugin it has gets another certificate. */
export function bindCertificate(state: GatewayState, binding: HostBinding): Decision {
  const { requestHost, certificate, newApi, changes } = binding;
  const apiId = state.apiIdByHost.get(requestHost.toLowerCase());
  if (apiId === undefined) {
    if (newApi === undefined) return reject({ code: 'api-not-found' });
    const added = addApi(state, newApi);
    if (!added.accepted) return added;
    const bound = bindTo(added.events.reduce(evolve, state), newApi.id, binding);
    return bound.accepted ? accept(...added.events, ...bound.events) : bound;
  }
  const plugin = pluginInScope(state, apiId);
  if (plugin === undefined) return bindTo(state, apiId, binding);
  return changePlugin(state, {
    type: 'ChangePlugin',
    id: plugin.id,
    changes,
    certificate: { kind: 'upload', certificate },
  });
}

function bindTo(
  state: GatewayState,
  apiId: ApiId,
  { newPlugin, certificate }: HostBinding,
): Decision {
  return addPlugin(state, { type: 'AddPlugin', ...newPlugin, apiId, certificate });
}
