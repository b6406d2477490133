import type { ApiId, PluginId } from '../../shared/gateway-model.js';
import type { KeyMaterials } from '../application/key-custody.js';
import { certificateWarnings } from '../certificates/certificate-warnings.js';
import type { AddApi, HostBinding } from '../domain/commands.js';
import { maxEventsPerAppend } from '../ports/event-log.js';
import type { RawObject, RawValue } from './body/raw-value.js';
import { newId } from './ids.js';
import { type IntakeRules, readNewPair } from './plugin-certificate.js';
import { Refusal } from './refusal.js';
import { apiFields, readWholeApi } from './schemas/api-schema.js';
import { type Errors, readFields } from './schemas/fields.js';
import { sslConfigFields } from './schemas/plugin-schema.js';
import { readRules, ruleWarnings } from './schemas/ssl-rules-schema.js';

/** A new host takes three events (API, certificate, plugin), and a request is one append: all or none. */
export const maxEntries = Math.floor(maxEventsPerAppend / 3);

/** What a request says about one host: good to be decided on, or at fault in itself. */
export type CertificateEntry =
  | {
      readonly requestHost: string;
      readonly binding: HostBinding;
      readonly keys: KeyMaterials;
      readonly warnings: readonly string[];
    }
  | { readonly requestHost: string; readonly reason: string };

const { name, request_path, upstream_url, upstream_targets } = apiFields;
const { strip_request_path, preserve_host } = apiFields;
export const entryFields = {
  request_host: { ...apiFields.request_host, required: true },
  config: {
    type: 'table',
    required: true,
    fields: sslConfigFields,
    description: 'Settings of the ssl plugin. One that is there keeps what is not given.',
  },
  api: {
    type: 'table',
    fields: {
      ...{ name, request_path, upstream_url, upstream_targets },
      ...{ strip_request_path, preserve_host },
    },
    description: 'The API to add if none has this host.',
  },
} as const;

/** @throws Refusal 400 if the request is no list of entries; what is wrong with one is its own affair. */
export function readEntries(parameters: RawObject, rules: IntakeRules): CertificateEntry[] {
  const list = parameters.get('certificates');
  if (parameters.size !== 1 || !Array.isArray(list)) throw bad('certificates, a list, is required');
  if (list.length > maxEntries) throw bad(`at most ${maxEntries} certificates in one request`);
  const entries = list.map((each: RawValue) => readEntry(each, rules));
  const hosts = new Set(entries.map(({ requestHost }) => requestHost.toLowerCase()));
  if (hosts.size < entries.length) throw bad('a request_host is there twice');
  return entries;
}

function readEntry(raw: RawValue, rules: IntakeRules): CertificateEntry {
  const given = raw instanceof Map ? raw.get('request_host') : undefined;
  if (!(raw instanceof Map) || typeof given !== 'string' || given.trim() === '') {
    throw bad('each of the certificates has a request_host');
  }
  const requestHost = given.trim();
  const errors: Errors = new Map();
  const { config = {} } = readFields(entryFields, raw, errors);
  const newApi = readNewApi(requestHost, raw.get('api'), rules, errors);
  for (const half of ['cert', 'key'] as const) {
    if (config[half] !== undefined || errors.has(`config.${half}`)) continue;
    errors.set(`config.${half}`, `${half} is required`);
  }
  const upload = readNewPair(config, rules, errors);
  if (errors.size > 0 || upload === undefined) {
    return { requestHost, reason: [...errors.values()].join('; ') };
  }
  const changes = readRules(config);
  const settings = {
    ...{ enabled: true, onlyHttps: false, acceptHttpIfAlreadyTerminated: false },
    ...changes,
  };
  return {
    requestHost,
    binding: {
      requestHost,
      certificate: upload.certificate,
      ...(newApi !== undefined && { newApi }),
      newPlugin: { id: newId<PluginId>(), createdAt: rules.now, settings },
      changes,
    },
    keys: upload.keys,
    warnings: [
      ...certificateWarnings(upload.chain, requestHost, rules.now),
      ...ruleWarnings(settings),
    ],
  };
}

function readNewApi(
  requestHost: string,
  given: RawValue | undefined,
  { now }: IntakeRules,
  errors: Errors,
): AddApi | undefined {
  if (!(given instanceof Map)) return undefined;
  const found: Errors = new Map();
  const read = readWholeApi(new Map([...given, ['request_host', requestHost]]), found);
  for (const [field, words] of found) {
    const at = field === 'request_host' ? field : `api.${field}`;
    // What stands there already is about the entry's own, narrower table.
    if (!errors.has(at)) errors.set(at, words);
  }
  if (read === undefined) return undefined;
  return { type: 'AddApi', id: newId<ApiId>(), createdAt: now, settings: read.settings };
}

function bad(message: string): Refusal {
  return new Refusal(400, { code: 'bad-parameter', message });
}
