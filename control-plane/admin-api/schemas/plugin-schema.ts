import type { Certificate, SslPlugin } from '../../../shared/gateway-model.js';
import type { RawObject, RawValue } from '../body/raw-value.js';
import { type Document, type Errors, excerpt, type Input, readFields } from './fields.js';
import { presentRules, sslRuleFields } from './ssl-rules-schema.js';

/** Shown in place of every private key; sent back, it means "keep the key". */
export const sealedKey = '[sealed]';

/** Settings of the ssl plugin. */
export const sslConfigFields = {
  cert: {
    type: 'string',
    required: true,
    maxLength: 10 * 1024 * 1024,
    description: 'PEM chain: the leaf first, then each issuer in turn.',
  },
  key: {
    type: 'string',
    required: true,
    secret: true,
    maxLength: 10 * 1024 * 1024,
    description: `PEM private key of the leaf, unencrypted. Answers show \`${sealedKey}\`.`,
  },
  ...sslRuleFields,
} as const;

/** Kong 0.9.9's plugin object. */
export const pluginFields = {
  id: { type: 'id', description: 'Chosen by the client, or made at creation.' },
  created_at: { type: 'timestamp', description: 'Milliseconds since the epoch.' },
  api_id: {
    type: 'id',
    optional: true,
    description: 'The API it applies to; absent: every API without an enabled plugin of its own.',
  },
  consumer_id: { type: 'id', optional: true, description: 'Not allowed for ssl.' },
  name: {
    type: 'string',
    required: true,
    maxLength: 255,
    enum: ['ssl'],
    description: 'Always ssl.',
  },
  config: { type: 'table', fields: sslConfigFields, description: 'Settings of the plugin.' },
  enabled: { type: 'boolean', default: true, description: 'Whether it is in effect.' },
} as const;

export type PluginInput = Input<typeof pluginFields>;
export type PluginDocument = Document<typeof pluginFields>;

/** Kong shows these two caches of its own in answers, so an export of Kong's carries them. */
const kongCaches = ['_cert_der_cache', '_key_der_cache'];

/**
 * Reads a plugin as far as it goes without its name: the name decides which settings there are, and is
 * checked by the caller first.
 */
export function readPlugin(raw: RawObject, errors: Errors): PluginInput {
  const config = raw.get('config');
  if (config instanceof Map) for (const name of kongCaches) config.delete(name);
  return readFields(pluginFields, raw, errors);
}

export type PluginName =
  | { readonly status: 'absent' | 'known' }
  | { readonly status: 'wrong'; readonly errors: Errors };

/** Kong looks at the name alone before anything else. */
export function checkPluginName(
  raw: RawValue | undefined,
  available: readonly string[],
): PluginName {
  if (raw === undefined) return { status: 'absent' };
  if (typeof raw !== 'string') {
    return { status: 'wrong', errors: new Map([['name', 'name is not a string']]) };
  }
  const name = raw.trim();
  if (name === '') return { status: 'absent' };
  if (available.includes(name)) return { status: 'known' };
  const message = `Plugin "${excerpt(name)}" not found`;
  return { status: 'wrong', errors: new Map([['config', message]]) };
}

export function presentPlugin(plugin: SslPlugin, certificate: Certificate): PluginDocument {
  return {
    id: plugin.id,
    created_at: plugin.createdAt,
    ...(plugin.apiId !== undefined && { api_id: plugin.apiId }),
    name: plugin.name,
    config: {
      cert: certificate.chainPem,
      key: sealedKey,
      ...presentRules(plugin.config),
    },
    enabled: plugin.enabled,
  };
}
