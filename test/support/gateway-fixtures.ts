import type { ApiSettings, PluginSettings } from '../../control-plane/domain/commands.js';
import type { GatewayEvent } from '../../shared/events.js';
import type {
  Api,
  ApiId,
  Certificate,
  CertificateId,
  KeyId,
  NodeId,
  PluginId,
  SslPlugin,
} from '../../shared/gateway-model.js';
import type { Revision } from '../../shared/revision.js';

/** Ids for tests: a UUID v4 whose last digits are `n`; the casts mint what parsers would check. */
function uuid(kind: string, n: number): string {
  return `${kind.repeat(8)}-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
}
export const apiId = (n: number) => uuid('a', n) as ApiId;
export const pluginId = (n: number) => uuid('b', n) as PluginId;
export const certificateId = (n: number) => uuid('c', n) as CertificateId;
export const keyId = (n: number) => uuid('d', n) as KeyId;

export const nodeId = (n: number) => uuid('e', n) as NodeId;

export const createdAt = 1_700_000_000_000;

export function settings(n: number, overrides: Partial<ApiSettings> = {}): ApiSettings {
  return {
    name: `api-${n}`,
    requestHost: `host-${n}.test`,
    upstreamUrl: 'http://127.0.0.1:9000',
    stripRequestPath: false,
    preserveHost: false,
    ...overrides,
  };
}

export function api(n: number, overrides: Partial<ApiSettings> = {}): Api {
  return { id: apiId(n), createdAt, ...settings(n, overrides) };
}

export const pluginSettings: PluginSettings = {
  enabled: true,
  onlyHttps: false,
  acceptHttpIfAlreadyTerminated: false,
};

/** A certificate as the intake describes it; the chain's text is a stand-in that is never parsed. */
export function certificate(n: number, chain = n): Certificate {
  return {
    id: certificateId(n),
    keyId: keyId(n),
    chainPem: `chain ${chain}`,
    fingerprint256: chain.toString(16).padStart(64, '0'),
    names: [`host-${chain}.test`],
    notBefore: createdAt,
    notAfter: createdAt + 90 * 86_400_000,
    keyAlgorithm: 'p-256',
  };
}

export function plugin(
  n: number,
  scope: number | 'all',
  certificateNumber = n,
  overrides: Partial<PluginSettings> = {},
): SslPlugin {
  const { enabled, onlyHttps, acceptHttpIfAlreadyTerminated } = { ...pluginSettings, ...overrides };
  return {
    id: pluginId(n),
    name: 'ssl',
    ...(scope !== 'all' && { apiId: apiId(scope) }),
    createdAt,
    enabled,
    config: {
      certificateId: certificateId(certificateNumber),
      onlyHttps,
      acceptHttpIfAlreadyTerminated,
    },
  };
}

export const apiAdded = (value: Api): GatewayEvent => ({ type: 'ApiAdded', data: { api: value } });
export const apiUpdated = (value: Api): GatewayEvent => ({
  type: 'ApiUpdated',
  data: { api: value },
});
export const apiDeleted = (n: number): GatewayEvent => ({
  type: 'ApiDeleted',
  data: { apiId: apiId(n) },
});
export const pluginAdded = (value: SslPlugin): GatewayEvent => ({
  type: 'PluginAdded',
  data: { plugin: value },
});
export const pluginUpdated = (value: SslPlugin): GatewayEvent => ({
  type: 'PluginUpdated',
  data: { plugin: value },
});
export const pluginDeleted = (n: number): GatewayEvent => ({
  type: 'PluginDeleted',
  data: { pluginId: pluginId(n) },
});
export const certUploaded = (value: Certificate): GatewayEvent => ({
  type: 'CertUploaded',
  data: { certificate: value },
});
export const keyErased = (n: number): GatewayEvent => ({
  type: 'KeyErased',
  data: { certificateId: certificateId(n), keyId: keyId(n) },
});
export const nodeAdmitted = (n: number): GatewayEvent => ({
  type: 'NodeAdmitted',
  data: { node: { id: nodeId(n), name: `node-${n}`, joinedAt: createdAt } },
});
export const nodeRevoked = (n: number): GatewayEvent => ({
  type: 'NodeRevoked',
  data: { nodeId: nodeId(n) },
});
export const revisionServed = (n: number): GatewayEvent => ({
  type: 'RevisionServed',
  data: {
    revision: n as Revision,
    nodeIds: [nodeId(n), nodeId(n + 1)],
    rejections: [
      {
        nodeId: nodeId(n),
        certificateId: certificateId(n),
        hosts: [`host-${n}.test`],
        reason: 'no',
      },
    ],
  },
});
