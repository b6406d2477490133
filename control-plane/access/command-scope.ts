import type { ApiId } from '../../shared/gateway-model.js';
import type { Command } from '../domain/commands.js';
import type { GatewayState } from '../domain/state.js';
import { coversHost, isGranted, type Scope } from './scope.js';

/**
 * Whether a credential with these scopes may carry out `command` in `state`. The guard of the admin API
 * looks at routes; this looks at what a request turned out to be, so that a credential for the
 * certificates of one host cannot move a plugin to another host's API, or to all APIs.
 */
export function mayCarryOut(
  scopes: readonly Scope[],
  command: Command,
  state: GatewayState,
): boolean {
  if (isGranted(scopes, ['write'])) return true;
  const covers = (apiId: ApiId | undefined) =>
    apiId !== undefined && coversHost(scopes, state.apis.get(apiId)?.requestHost);
  switch (command.type) {
    case 'AddPlugin':
      return covers(command.apiId);
    case 'ReplacePlugin':
      // Without an API the plugin would apply to all.
      return covers(state.plugins.get(command.id)?.apiId) && covers(command.apiId);
    case 'ChangePlugin': {
      const { apiId } = command.changes;
      return covers(state.plugins.get(command.id)?.apiId) && (apiId === undefined || covers(apiId));
    }
    case 'DeletePlugin':
      return covers(state.plugins.get(command.id)?.apiId);
    case 'RevokeNode':
      return isGranted(scopes, ['nodes']);
    case 'BindCertificates':
      // Not the APIs themselves.
      return command.bindings.every(
        ({ requestHost, newApi }) =>
          coversHost(scopes, requestHost) &&
          (newApi === undefined || state.apiIdByHost.has(requestHost.toLowerCase())),
      );
    default:
      return false;
  }
}
