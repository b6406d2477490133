import type { GatewayEvent } from '../../shared/events.js';
import type { Certificate, SslPlugin } from '../../shared/gateway-model.js';
import { presentApi } from './schemas/api-schema.js';
import { presentRules } from './schemas/ssl-rules-schema.js';

/** An event's content by the names of the admin API. Events hold no secret to begin with. */
export interface EventDocument {
  readonly type: GatewayEvent['type'];
  readonly data: object;
}

export function presentEvent(event: GatewayEvent): EventDocument {
  const { type } = event;
  switch (event.type) {
    case 'LogCreated':
      return { type, data: { log_id: event.data.logId } };
    case 'ApiAdded':
    case 'ApiUpdated':
      return { type, data: { api: presentApi(event.data.api) } };
    case 'ApiDeleted':
      return { type, data: { api_id: event.data.apiId } };
    case 'PluginAdded':
    case 'PluginUpdated':
      return { type, data: { plugin: presentBinding(event.data.plugin) } };
    case 'PluginDeleted':
      return { type, data: { plugin_id: event.data.pluginId } };
    case 'CertUploaded':
      return { type, data: { certificate: presentCertificate(event.data.certificate) } };
    case 'KeyErased':
      return { type, data: { certificate_id: event.data.certificateId } };
    case 'NodeAdmitted': {
      const { id, name, joinedAt } = event.data.node;
      return { type, data: { node: { id, name, joined_at: joinedAt } } };
    }
    case 'RevisionServed': {
      const { revision, nodeIds, rejections } = event.data;
      const presented = rejections.map(({ nodeId, certificateId, hosts, reason }) => ({
        node_id: nodeId,
        certificate_id: certificateId,
        hosts,
        reason,
      }));
      return { type, data: { revision, node_ids: nodeIds, rejections: presented } };
    }
    case 'NodeRevoked':
      return { type, data: { node_id: event.data.nodeId } };
    case 'NothingChanged':
      return { type, data: {} };
    default: {
      const unknown: never = event;
      return unknown;
    }
  }
}

/** A plugin with its certificate by reference. */
export function presentBinding(plugin: SslPlugin) {
  return {
    id: plugin.id,
    created_at: plugin.createdAt,
    ...(plugin.apiId !== undefined && { api_id: plugin.apiId }),
    name: plugin.name,
    enabled: plugin.enabled,
    certificate_id: plugin.config.certificateId,
    ...presentRules(plugin.config),
  };
}

export function presentCertificate(certificate: Certificate) {
  return { ...presentLeaf(certificate), chain: certificate.chainPem };
}

/** A certificate without its chain, as the history and the state show it too. */
export function presentLeaf(
  leaf: Pick<Certificate, 'id' | 'fingerprint256' | 'names' | 'notBefore' | 'notAfter'> & {
    readonly keyAlgorithm: string;
  },
) {
  return {
    id: leaf.id,
    fingerprint256: leaf.fingerprint256,
    names: leaf.names,
    not_before: new Date(leaf.notBefore).toISOString(),
    not_after: new Date(leaf.notAfter).toISOString(),
    key_algorithm: leaf.keyAlgorithm,
  };
}
