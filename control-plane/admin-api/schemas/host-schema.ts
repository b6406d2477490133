import { X509Certificate } from 'node:crypto';
import type { GatewayState } from '../../domain/state.js';
import type { HostEntry } from '../../projections/host-directory.js';
import { documentSchema, type JsonSchema } from './json-schema.js';
import { presentRules, sslRuleFields } from './ssl-rules-schema.js';

const text: JsonSchema = { type: 'string' };
const time: JsonSchema = { type: 'string', format: 'date-time' };
const revision: JsonSchema = { type: 'integer', minimum: 0 };

const certificateProperties = {
  id: text,
  fingerprint256: text,
  not_before: time,
  not_after: time,
  key_algorithm: text,
};

const hostProperties = {
  host: text,
  api: { type: 'object', properties: { id: text, name: text, upstream_url: text } },
  plugin_id: text,
  shared: { type: 'boolean', description: 'Whether the plugin is the one for all APIs.' },
  revision: { ...revision, description: 'That last changed the API or its plugin.' },
} satisfies Readonly<Record<string, JsonSchema>>;

export const hostSchema: JsonSchema = {
  type: 'object',
  properties: {
    ...hostProperties,
    certificate: { type: 'object', properties: certificateProperties },
  },
  required: ['host', 'api', 'revision'],
};

export const hostDetailSchema: JsonSchema = {
  type: 'object',
  properties: {
    ...hostProperties,
    certificate: {
      type: 'object',
      properties: {
        ...certificateProperties,
        names: { type: 'array', items: text },
        chain: {
          type: 'array',
          items: {
            type: 'object',
            properties: { subject: text, issuer: text, serial: text, not_after: time },
          },
        },
      },
    },
    ...documentSchema(sslRuleFields).properties,
  },
  required: ['host', 'api', 'revision'],
};

export const hostPageSchema: JsonSchema = {
  type: 'object',
  properties: {
    data: { type: 'array', items: hostSchema },
    total: { type: 'integer', minimum: 0 },
    revision: { ...revision, description: 'Of the configuration that this shows.' },
  },
  required: ['data', 'total'],
};

export function presentHost({ host, api, plugin, certificate }: HostEntry, state: GatewayState) {
  return {
    host,
    api: { id: api.id, name: api.name, upstream_url: api.upstreamUrl },
    ...(plugin !== undefined && { plugin_id: plugin.id, shared: plugin.apiId === undefined }),
    revision: Math.max(
      state.changedAt.get(api.id) ?? 0,
      plugin === undefined ? 0 : (state.changedAt.get(plugin.id) ?? 0),
    ),
    ...(certificate !== undefined && {
      certificate: {
        id: certificate.id,
        fingerprint256: certificate.fingerprint256,
        not_before: new Date(certificate.notBefore).toISOString(),
        not_after: new Date(certificate.notAfter).toISOString(),
        key_algorithm: certificate.keyAlgorithm,
      },
    }),
  };
}

/** With what takes parsing the chain to know. */
export function presentHostDetail(entry: HostEntry, state: GatewayState) {
  const { plugin, certificate } = entry;
  const { certificate: shown, ...rest } = presentHost(entry, state);
  return {
    ...rest,
    ...(plugin !== undefined && presentRules(plugin.config)),
    ...(certificate !== undefined && {
      certificate: {
        ...shown,
        names: certificate.names,
        chain: presentChain(certificate.chainPem),
      },
    }),
  };
}

function presentChain(pem: string) {
  const blocks = pem.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? [];
  return blocks.flatMap((block) => {
    const certificate = parsed(block);
    if (certificate === undefined) return [];
    return [
      {
        subject: commonName(certificate.subject),
        issuer: commonName(certificate.issuer),
        serial: certificate.serialNumber.toLowerCase(),
        not_after: new Date(certificate.validTo).toISOString(),
      },
    ];
  });
}

/** Chains are checked as they come in; an unreadable one is for the log's verifier, not for a list. */
function parsed(block: string): X509Certificate | undefined {
  try {
    return new X509Certificate(block);
  } catch {
    return undefined;
  }
}

/** The common name, or all there is where there is none. */
function commonName(distinguishedName: string): string {
  const [, name] = /(?:^|\n)CN=([^\n]+)/.exec(distinguishedName) ?? [];
  return name ?? distinguishedName.replaceAll('\n', ', ');
}
