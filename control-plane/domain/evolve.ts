import type { GatewayEvent, RecordedEvent, RevisionServed } from '../../shared/events.js';
import type {
  Api,
  ApiId,
  Certificate,
  CertificateId,
  NodeId,
  PluginId,
  SslPlugin,
} from '../../shared/gateway-model.js';
import type { PersistentMap } from './persistent-map.js';
import { type GatewayState, maxIdempotentWrites, type UnusedKey } from './state.js';

/**
 * The state after an event. Total: history is not negotiable, so what does not apply (an update of an
 * unknown API, a second deletion) is ignored and nothing throws.
 */
export function evolve(state: GatewayState, event: GatewayEvent): GatewayState {
  switch (event.type) {
    case 'LogCreated':
      return state.logId === undefined ? { ...state, logId: event.data.logId } : state;
    case 'ApiAdded':
      return storeApi(state, event.data.api);
    case 'ApiUpdated':
      return state.apis.has(event.data.api.id) ? storeApi(state, event.data.api) : state;
    case 'ApiDeleted':
      return dropApi(state, event.data.apiId);
    case 'PluginAdded':
      return storePlugin(state, event.data.plugin);
    case 'PluginUpdated':
      return state.plugins.has(event.data.plugin.id)
        ? storePlugin(state, event.data.plugin)
        : state;
    case 'PluginDeleted':
      return dropPlugin(state, event.data.pluginId);
    case 'CertUploaded':
      return storeCertificate(state, event.data.certificate);
    case 'KeyErased':
      return dropCertificate(state, event.data.certificateId);
    case 'NodeAdmitted':
      return { ...state, nodes: state.nodes.set(event.data.node.id, event.data.node) };
    case 'NodeRevoked':
      return dropNode(state, event.data.nodeId);
    case 'RevisionServed':
      return noteServed(state, event.data);
    case 'NothingChanged':
      return state;
    default: {
      const unknown: never = event;
      return unknown;
    }
  }
}

/** `evolve` plus what only the record knows: the revision and the caller's idempotency key. */
export function fold(state: GatewayState, recorded: RecordedEvent): GatewayState {
  const after = noteRevision(evolve(state, recorded.event), recorded);
  return noteIdempotency(after, recorded);
}

function noteRevision(state: GatewayState, { event, revision }: RecordedEvent): GatewayState {
  switch (event.type) {
    case 'ApiAdded':
    case 'ApiUpdated':
      return { ...state, changedAt: state.changedAt.set(event.data.api.id, revision) };
    case 'PluginAdded':
    case 'PluginUpdated':
      return { ...state, changedAt: state.changedAt.set(event.data.plugin.id, revision) };
    default:
      return state;
  }
}

function noteIdempotency(state: GatewayState, { metadata, revision }: RecordedEvent): GatewayState {
  if (metadata.idempotency === undefined) return state;
  const { key, request } = metadata.idempotency;
  const known = state.idempotentWrites.get(key);
  const first = known?.request === request ? known.first : revision;
  let writes = state.idempotentWrites.set(key, { request, first, last: revision });
  if (writes.size > maxIdempotentWrites) writes = writes.delete(writes.keySeq().first(key));
  return { ...state, idempotentWrites: writes };
}

function storeApi(state: GatewayState, api: Api): GatewayState {
  const before = state.apis.get(api.id);
  return {
    ...state,
    apis: state.apis.set(api.id, api),
    apiIdByName: reindex(state.apiIdByName, api.id, before?.name, api.name),
    apiIdByHost: reindex(
      state.apiIdByHost,
      api.id,
      before?.requestHost?.toLowerCase(),
      api.requestHost?.toLowerCase(),
    ),
    apiIdByPath: reindex(state.apiIdByPath, api.id, before?.requestPath, api.requestPath),
  };
}

function dropApi(state: GatewayState, apiId: ApiId): GatewayState {
  const api = state.apis.get(apiId);
  if (api === undefined) return state;
  const pluginId = state.pluginIdByScope.get(apiId);
  const rest = pluginId === undefined ? state : dropPlugin(state, pluginId);
  return {
    ...rest,
    apis: rest.apis.delete(apiId),
    apiIdByName: reindex(rest.apiIdByName, apiId, api.name, undefined),
    apiIdByHost: reindex(rest.apiIdByHost, apiId, api.requestHost?.toLowerCase(), undefined),
    apiIdByPath: reindex(rest.apiIdByPath, apiId, api.requestPath, undefined),
    changedAt: rest.changedAt.delete(apiId),
  };
}

function storePlugin(state: GatewayState, plugin: SslPlugin): GatewayState {
  const before = state.plugins.get(plugin.id);
  const stored: GatewayState = {
    ...state,
    plugins: state.plugins.set(plugin.id, plugin),
    pluginIdByScope: reindex(
      state.pluginIdByScope,
      plugin.id,
      before && scopeOf(before),
      scopeOf(plugin),
    ),
  };
  const used = addUse(stored, plugin.config.certificateId, plugin.id);
  return before === undefined || before.config.certificateId === plugin.config.certificateId
    ? used
    : removeUse(used, before.config.certificateId, plugin.id, 'replaced');
}

function dropPlugin(state: GatewayState, pluginId: PluginId): GatewayState {
  const plugin = state.plugins.get(pluginId);
  if (plugin === undefined) return state;
  const dropped: GatewayState = {
    ...state,
    plugins: state.plugins.delete(pluginId),
    pluginIdByScope: reindex(state.pluginIdByScope, pluginId, scopeOf(plugin), undefined),
    changedAt: state.changedAt.delete(pluginId),
  };
  return removeUse(dropped, plugin.config.certificateId, pluginId, 'deleted');
}

function dropNode(state: GatewayState, nodeId: NodeId): GatewayState {
  if (!state.nodes.has(nodeId)) return state;
  const { nodes, servedByNode } = state;
  return { ...state, nodes: nodes.delete(nodeId), servedByNode: servedByNode.delete(nodeId) };
}

function noteServed(
  state: GatewayState,
  { revision, nodeIds, rejections }: RevisionServed['data'],
): GatewayState {
  const servedByNode = state.servedByNode.withMutations((served) => {
    for (const id of nodeIds) {
      if (!state.nodes.has(id)) continue;
      const own = rejections.filter(({ nodeId }) => nodeId === id);
      served.set(id, { revision, rejections: own });
    }
  });
  return { ...state, servedByNode };
}

/** Where a plugin applies: its API, or `all` for the one without an API. */
export function scopeOf(plugin: SslPlugin): ApiId | 'all' {
  return plugin.apiId ?? 'all';
}

function addUse(
  state: GatewayState,
  certificateId: CertificateId,
  pluginId: PluginId,
): GatewayState {
  return {
    ...state,
    usesByCertificate: state.usesByCertificate.add(certificateId, pluginId),
    keysToErase: state.keysToErase.delete(certificateId),
  };
}

function removeUse(
  state: GatewayState,
  certificateId: CertificateId,
  pluginId: PluginId,
  cause: UnusedKey['cause'],
): GatewayState {
  const usesByCertificate = state.usesByCertificate.remove(certificateId, pluginId);
  const certificate = state.certificates.get(certificateId);
  if (certificate === undefined || usesByCertificate.has(certificateId)) {
    return { ...state, usesByCertificate };
  }
  const unused: UnusedKey = { keyId: certificate.keyId, cause };
  return {
    ...state,
    usesByCertificate,
    keysToErase: state.keysToErase.set(certificateId, unused),
  };
}

function storeCertificate(state: GatewayState, certificate: Certificate): GatewayState {
  if (state.certificates.has(certificate.id)) return state;
  const { id, fingerprint256 } = certificate;
  const unused: UnusedKey = { keyId: certificate.keyId, cause: 'deleted' };
  return {
    ...state,
    certificates: state.certificates.set(id, certificate),
    certificateIdsByLeaf: state.certificateIdsByLeaf.add(fingerprint256, id),
    // Until the plugin event of the same append binds it, nobody uses it.
    keysToErase: state.usesByCertificate.has(id)
      ? state.keysToErase
      : state.keysToErase.set(id, unused),
  };
}

function dropCertificate(state: GatewayState, certificateId: CertificateId): GatewayState {
  const certificate = state.certificates.get(certificateId);
  if (certificate === undefined) return state;
  return {
    ...state,
    certificates: state.certificates.delete(certificateId),
    certificateIdsByLeaf: state.certificateIdsByLeaf.remove(
      certificate.fingerprint256,
      certificateId,
    ),
    keysToErase: state.keysToErase.delete(certificateId),
  };
}

/** Moves an entity's index entry; an entry that another entity has taken over meanwhile stays. */
function reindex<Key, Id>(
  index: PersistentMap<Key, Id>,
  id: Id,
  before: Key | undefined,
  after: Key | undefined,
): PersistentMap<Key, Id> {
  if (before === after && before !== undefined && index.get(before) === id) return index;
  const freed = before !== undefined && index.get(before) === id ? index.delete(before) : index;
  return after === undefined ? freed : freed.set(after, id);
}
