import type { GatewayEvent } from '../../shared/events.js';
import type { Api, ApiId, Certificate, PluginId, SslPlugin } from '../../shared/gateway-model.js';
import { certificateWarnings } from '../certificates/certificate-warnings.js';
import type { ParsedChain } from '../certificates/parse-chain.js';
import type { PluginSettings } from '../domain/commands.js';
import type { GatewayState } from '../domain/state.js';
import { without } from '../domain/without.js';
import type { AdminContext } from './admin-context.js';
import type { RawObject } from './body/raw-value.js';
import { newId, parseId } from './ids.js';
import { queryOf } from './pages.js';
import { type IntakeRules, readNewPair, readPairChange } from './plugin-certificate.js';
import { setTag, tagOf } from './preconditions.js';
import { invalid, notFound, Refusal } from './refusal.js';
import type { Call } from './resource.js';
import type { Errors } from './schemas/fields.js';
import {
  checkPluginName,
  type PluginInput,
  presentPlugin,
  readPlugin,
} from './schemas/plugin-schema.js';
import { readRules, readUnsetRules, ruleWarnings } from './schemas/ssl-rules-schema.js';
import { type Answer, type PlannedWrite, write } from './write.js';

/** Where a plugin request points: at all plugins, or at those of one API. */
export type PluginScope = (state: GatewayState) => Api | undefined;

/** The plugin of a path. @throws Refusal 404, also if it belongs to another API. */
export type PluginOf = (state: GatewayState) => SslPlugin;

export function createPlugin(admin: AdminContext, call: Call, scope: PluginScope): Promise<void> {
  const id = newId<PluginId>();
  return write({
    admin,
    ...call,
    plan: (state) => planCreation(admin, call, state, scope(state), id),
    answer: pluginAnswer(admin, call),
  });
}

/** PUT: creates without an id, else replaces the plugin of that id. */
export function putPlugin(admin: AdminContext, call: Call, scope: PluginScope): Promise<void> {
  const id = newId<PluginId>();
  return write({
    admin,
    ...call,
    plan: (state) => {
      const api = scope(state);
      const given = call.parameters.get('id');
      const isCreation = given === undefined || (typeof given === 'string' && given.trim() === '');
      return isCreation
        ? planCreation(admin, call, state, api, id)
        : planReplacement(admin, call, state, api);
    },
    answer: pluginAnswer(admin, call, (state) => {
      const given = call.parameters.get('id');
      const pluginId = typeof given === 'string' ? parseId<PluginId>(given.trim()) : undefined;
      const plugin = pluginId && state.plugins.get(pluginId);
      if (plugin === undefined) throw notFound();
      return plugin;
    }),
  });
}

export function changePlugin(admin: AdminContext, call: Call, pluginOf: PluginOf): Promise<void> {
  return write({
    admin,
    ...call,
    plan: (state) => planChange(admin, call, state, pluginOf(state)),
    answer: pluginAnswer(admin, call, pluginOf),
  });
}

export function deletePlugin(admin: AdminContext, call: Call, pluginOf: PluginOf): Promise<void> {
  return write({
    admin,
    ...call,
    plan: (state) => {
      const { id } = pluginOf(state);
      return { command: { type: 'DeletePlugin', id }, subject: id };
    },
    answer: () => ({ status: 204 }),
  });
}

function planCreation(
  admin: AdminContext,
  call: Call,
  state: GatewayState,
  api: Api | undefined,
  freshId: PluginId,
): PlannedWrite {
  const errors: Errors = new Map();
  const input = readWhole(admin, call.parameters, errors);
  const upload = readNewPair(input.config ?? {}, rulesOf(admin, call), errors);
  refuseFaults(input, errors);
  if (upload === undefined) throw invalid(errors);
  const apiId = api?.id ?? apiIdOf(state, input);
  const settings = wholeSettings(input);
  return {
    command: {
      type: 'AddPlugin',
      id: parseId<PluginId>(input.id) ?? freshId,
      createdAt: input.created_at ?? admin.clock(),
      ...(apiId !== undefined && { apiId }),
      settings,
      certificate: upload.certificate,
    },
    keys: upload.keys,
    warnings: [...warningsFor(admin, state, apiId, upload.chain), ...ruleWarnings(settings)],
    subject: 'everything',
  };
}

function planReplacement(
  admin: AdminContext,
  call: Call,
  state: GatewayState,
  api: Api | undefined,
): PlannedWrite {
  const errors: Errors = new Map();
  const input = readWhole(admin, call.parameters, errors);
  const id = parseId<PluginId>(input.id);
  const before = id && state.plugins.get(id);
  if (input.id !== undefined && !isUnder(before, api)) throw notFound();
  if (before === undefined) throw invalid(errors);
  const change = readPairChange(
    input.config ?? {},
    certificateOf(state, before),
    rulesOf(admin, call),
    errors,
  );
  refuseFaults(input, errors);
  const apiId = api?.id ?? apiIdOf(state, input);
  const settings = wholeSettings(input);
  return {
    command: {
      type: 'ReplacePlugin',
      id: before.id,
      ...(api !== undefined && { under: api.id }),
      ...(apiId !== undefined && { apiId }),
      ...(input.created_at !== undefined && { createdAt: input.created_at }),
      settings,
      certificate: change.choice,
    },
    keys: change.keys,
    warnings: [...warningsFor(admin, state, apiId, change.chain), ...ruleWarnings(settings)],
    subject: before.id,
  };
}

function planChange(
  admin: AdminContext,
  call: Call,
  state: GatewayState,
  before: SslPlugin,
): PlannedWrite {
  const name = checkPluginName(call.parameters.get('name'), admin.pluginsAvailable);
  if (name.status === 'wrong') throw invalid(name.errors);
  const errors: Errors = new Map();
  const input = readPlugin(call.parameters, errors);
  if (input.id !== undefined && input.id !== before.id) errors.set('id', 'id cannot be changed');
  const change = readPairChange(
    input.config ?? {},
    certificateOf(state, before),
    rulesOf(admin, call),
    errors,
  );
  const rules = readRules(input.config);
  const unset = readUnsetRules(call.parameters.get('config'));
  refuseFaults(input, errors);
  const apiId = apiIdOf(state, input);
  return {
    command: {
      type: 'ChangePlugin',
      id: before.id,
      changes: {
        ...(apiId !== undefined && { apiId }),
        ...(input.created_at !== undefined && { createdAt: input.created_at }),
        ...(input.enabled !== undefined && { enabled: input.enabled }),
        ...rules,
      },
      unset,
      certificate: change.choice,
    },
    keys: change.keys,
    warnings: [
      ...warningsFor(admin, state, apiId ?? before.apiId, change.chain),
      ...ruleWarnings(without({ ...before.config, ...rules }, unset)),
    ],
    subject: before.id,
  };
}

/** A whole plugin: the name first and alone, then every field, then what is missing. */
function readWhole(admin: AdminContext, parameters: RawObject, errors: Errors): PluginInput {
  const name = checkPluginName(parameters.get('name'), admin.pluginsAvailable);
  if (name.status === 'absent') throw invalid(new Map([['name', 'name is required']]));
  if (name.status === 'wrong') throw invalid(name.errors);
  const input = readPlugin(parameters, errors);
  if (errors.has('config')) return input;
  for (const half of ['cert', 'key'] as const) {
    if (input.config?.[half] !== undefined || errors.has(`config.${half}`)) continue;
    errors.set(`config.${half}`, `${half} is required`);
  }
  return input;
}

/** @throws Refusal for field errors; for a consumer only if there are none. */
function refuseFaults(input: PluginInput, errors: Errors): void {
  if (errors.size > 0) throw invalid(errors);
  if (input.consumer_id !== undefined) {
    throw new Refusal(400, { message: 'No consumer can be configured for that plugin' });
  }
}

function wholeSettings({ enabled, config }: PluginInput): PluginSettings {
  return {
    enabled: enabled ?? true,
    onlyHttps: false,
    acceptHttpIfAlreadyTerminated: false,
    ...readRules(config),
  };
}

/** @throws Refusal 404 for an API that is not there. */
function apiIdOf(state: GatewayState, { api_id: given }: PluginInput): ApiId | undefined {
  if (given === undefined) return undefined;
  const apiId = parseId<ApiId>(given);
  if (apiId !== undefined && state.apis.has(apiId)) return apiId;
  throw new Refusal(404, { api_id: `does not exist with value '${given}'` });
}

function isUnder(plugin: SslPlugin | undefined, api: Api | undefined): boolean {
  return plugin !== undefined && (api === undefined || plugin.apiId === api.id);
}

export function rulesOf(admin: AdminContext, { request }: Call): IntakeRules {
  const allowed = queryOf(request).get('allow_expired')?.toLowerCase() === 'true';
  return { now: admin.clock(), allowExpired: admin.allowExpiredCertificates || allowed };
}

function warningsFor(
  { clock }: AdminContext,
  state: GatewayState,
  apiId: ApiId | undefined,
  chain: ParsedChain | undefined,
): readonly string[] {
  if (chain === undefined) return [];
  const api = apiId === undefined ? undefined : state.apis.get(apiId);
  return certificateWarnings(chain, api?.requestHost, clock());
}

/** The state is consistent: a plugin's certificate is there. */
export function certificateOf(state: GatewayState, plugin: SslPlugin): Certificate {
  const certificate = state.certificates.get(plugin.config.certificateId);
  if (certificate === undefined) throw new Error(`plugin ${plugin.id} has no certificate`);
  return certificate;
}

function pluginAnswer(admin: AdminContext, { reply }: Call, pluginOf?: PluginOf) {
  return (events: readonly GatewayEvent[], after: GatewayState): Answer => {
    let plugin: SslPlugin | undefined;
    let uploaded: Certificate | undefined;
    for (const event of events) {
      if (event.type === 'CertUploaded') uploaded = event.data.certificate;
      if (event.type === 'PluginAdded' || event.type === 'PluginUpdated')
        plugin = event.data.plugin;
    }
    const shown = plugin ?? pluginOf?.(after);
    if (shown === undefined) throw notFound();
    const created = events.some(({ type }) => type === 'PluginAdded');
    setTag(reply, tagOf(after, admin.folded.head, shown.id));
    return {
      status: created ? 201 : 200,
      body: presentPlugin(shown, uploaded ?? certificateOf(after, shown)),
    };
  };
}
