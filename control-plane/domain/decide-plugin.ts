import { isSameData } from '../../shared/canonical-json.js';
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
import { without } from './without.js';

export function addPlugin(state: GatewayState, command: AddPlugin): Decision {
  const { id, apiId, createdAt, settings } = command;
  if (state.plugins.has(id)) {
    return reject({ code: 'already-exists', conflicts: [{ field: 'id', value: id, taken: id }] });
  }
  const misplaced = placeRejection(state, id, apiId);
  if (misplaced) return reject(misplaced);
  const { certificateId, uploaded } = settleUpload(state, command.certificate);
  const { enabled, ...rules } = settings;
  const plugin: SslPlugin = {
    id,
    name: 'ssl',
    ...(apiId !== undefined && { apiId }),
    createdAt,
    enabled,
    config: { certificateId, ...rules },
  };
  return accept(...uploaded, { type: 'PluginAdded', data: { plugin } });
}

export function replacePlugin(state: GatewayState, command: ReplacePlugin): Decision {
  const before = findPlugin(state, command);
  if (before === undefined) return reject({ code: 'plugin-not-found' });
  const { id, apiId, createdAt = before.createdAt } = command;
  const { enabled, ...rules } = command.settings;
  const after: SslPlugin = {
    id,
    name: 'ssl',
    ...(apiId !== undefined && { apiId }),
    createdAt,
    enabled,
    config: { certificateId: before.config.certificateId, ...rules },
  };
  return updatePlugin(state, before, after, command.certificate);
}

export function changePlugin(state: GatewayState, command: ChangePlugin): Decision {
  const before = findPlugin(state, command);
  if (before === undefined) return reject({ code: 'plugin-not-found' });
  const { enabled, apiId = before.apiId, createdAt, ...rules } = command.changes;
  const after: SslPlugin = {
    ...before,
    ...(apiId !== undefined && { apiId }),
    createdAt: createdAt ?? before.createdAt,
    enabled: enabled ?? before.enabled,
    config: without({ ...before.config, ...rules }, command.unset),
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
  if (isSameData(before, plugin)) return accept();
  return accept(...uploaded, { type: 'PluginUpdated', data: { plugin } });
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
