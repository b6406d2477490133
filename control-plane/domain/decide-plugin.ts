import type { GatewayEvent } from '../../shared/events.js';
import type {
  ApiId,
  Certificate,
  CertificateId,
  PluginId,
  SslPlugin,
} from '../../shared/gateway-model.js';
import type {
  AddPlugin,
  CertificateChoice,
  ChangePlugin,
  DeletePlugin,
  ReplacePlugin,
} from './commands.js';
import { accept, type Decision, type Rejection, reject } from './decision.js';
import { scopeOf } from './evolve.js';
import type { GatewayState } from './state.js';

export function addPlugin(state: GatewayState, command: AddPlugin): Decision {
  const { id, apiId, createdAt, settings } = command;
  if (state.plugins.has(id)) {
    return reject({ code: 'already-exists', conflicts: [{ field: 'id', value: id, taken: id }] });
  }
  const misplaced = placeRejection(state, id, apiId);
  if (misplaced) return reject(misplaced);
  const { certificateId, uploaded } = settleUpload(state, command.certificate);
  const { enabled, onlyHttps, acceptHttpIfAlreadyTerminated } = settings;
  const plugin: SslPlugin = {
    id,
    name: 'ssl',
    ...(apiId !== undefined && { apiId }),
    createdAt,
    enabled,
    config: { certificateId, onlyHttps, acceptHttpIfAlreadyTerminated },
  };
  return accept(...uploaded, { type: 'PluginAdded', data: { plugin } });
}

export function replacePlugin(state: GatewayState, command: ReplacePlugin): Decision {
  const before = findPlugin(state, command);
  if (before === undefined) return reject({ code: 'plugin-not-found' });
  const { id, apiId, createdAt = before.createdAt, settings } = command;
  const after: SslPlugin = {
    id,
    name: 'ssl',
    ...(apiId !== undefined && { apiId }),
    createdAt,
    enabled: settings.enabled,
    config: {
      certificateId: before.config.certificateId,
      onlyHttps: settings.onlyHttps,
      acceptHttpIfAlreadyTerminated: settings.acceptHttpIfAlreadyTerminated,
    },
  };
  return updatePlugin(state, before, after, command.certificate);
}

export function changePlugin(state: GatewayState, command: ChangePlugin): Decision {
  const before = findPlugin(state, command);
  if (before === undefined) return reject({ code: 'plugin-not-found' });
  const { changes } = command;
  const apiId = changes.apiId ?? before.apiId;
  const after: SslPlugin = {
    ...before,
    ...(apiId !== undefined && { apiId }),
    createdAt: changes.createdAt ?? before.createdAt,
    enabled: changes.enabled ?? before.enabled,
    config: {
      certificateId: before.config.certificateId,
      onlyHttps: changes.onlyHttps ?? before.config.onlyHttps,
      acceptHttpIfAlreadyTerminated:
        changes.acceptHttpIfAlreadyTerminated ?? before.config.acceptHttpIfAlreadyTerminated,
    },
  };
  return updatePlugin(state, before, after, command.certificate);
}

export function deletePlugin(state: GatewayState, command: DeletePlugin): Decision {
  const plugin = findPlugin(state, command);
  if (plugin === undefined) return reject({ code: 'plugin-not-found' });
  return accept({ type: 'PluginDeleted', data: { pluginId: plugin.id } });
}

function updatePlugin(
  state: GatewayState,
  before: SslPlugin,
  after: SslPlugin,
  choice: CertificateChoice,
): Decision {
  const misplaced = placeRejection(state, after.id, after.apiId);
  if (misplaced) return reject(misplaced);
  let plugin = after;
  let uploaded: readonly GatewayEvent[] = [];
  if (choice.kind === 'upload') {
    if (choice.basedOn !== undefined && choice.basedOn !== before.config.certificateId) {
      return reject({ code: 'certificate-changed' });
    }
    const settled = settleUpload(state, choice.certificate);
    uploaded = settled.uploaded;
    plugin = { ...after, config: { ...after.config, certificateId: settled.certificateId } };
  }
  if (equalPlugins(before, plugin)) return accept();
  return accept(...uploaded, { type: 'PluginUpdated', data: { plugin } });
}

export function equalPlugins(a: SslPlugin, b: SslPlugin): boolean {
  return (
    a.id === b.id &&
    a.apiId === b.apiId &&
    a.createdAt === b.createdAt &&
    a.enabled === b.enabled &&
    a.config.certificateId === b.config.certificateId &&
    a.config.onlyHttps === b.config.onlyHttps &&
    a.config.acceptHttpIfAlreadyTerminated === b.config.acceptHttpIfAlreadyTerminated
  );
}

function findPlugin(
  state: GatewayState,
  { id, under }: { readonly id: PluginId; readonly under?: ApiId },
): SslPlugin | undefined {
  const plugin = state.plugins.get(id);
  return under === undefined || plugin?.apiId === under ? plugin : undefined;
}

/** One ssl plugin per API, one for all APIs; enabled or not makes no difference. */
function placeRejection(
  state: GatewayState,
  id: PluginId,
  apiId: ApiId | undefined,
): Rejection | undefined {
  if (apiId !== undefined && !state.apis.has(apiId)) return { code: 'plugin-api-unknown', apiId };
  const holder = state.pluginIdByScope.get(apiId ?? 'all');
  return holder === undefined || holder === id ? undefined : { code: 'plugin-already-exists' };
}

/**
 * A chain that is already stored with its key is used again. The same chain text means the same leaf,
 * and a key is only stored if it matches its leaf, so the key is the same too.
 */
function settleUpload(
  state: GatewayState,
  certificate: Certificate,
): { readonly certificateId: CertificateId; readonly uploaded: readonly GatewayEvent[] } {
  const sameLeaf = state.certificateIdsByLeaf.membersOf(certificate.fingerprint256);
  const known = sameLeaf.find(
    (id) => state.certificates.get(id)?.chainPem === certificate.chainPem,
  );
  if (known !== undefined) return { certificateId: known, uploaded: [] };
  return {
    certificateId: certificate.id,
    uploaded: [{ type: 'CertUploaded', data: { certificate } }],
  };
}

/** The plugin of an API or of all. */
export function pluginInScope(state: GatewayState, scope: ApiId | 'all'): SslPlugin | undefined {
  const id = state.pluginIdByScope.get(scope);
  const plugin = id === undefined ? undefined : state.plugins.get(id);
  return plugin !== undefined && scopeOf(plugin) === scope ? plugin : undefined;
}
