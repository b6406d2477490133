import { Value } from 'typebox/value';
import {
  type DecodedSettings,
  type SettingInfo,
  type SettingName,
  type Settings,
  settings,
  settingsSchema,
} from './config-schema.js';
import { didYouMean } from './did-you-mean.js';
import { GatewayError } from './errors.js';

type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

/**
 * What the composition roots work with: every setting under its camelCase name, parsed (addresses,
 * the master key's source), defaults filled in, frozen. Read once; a change needs a restart.
 */
export type GatewayConfig = {
  readonly [Name in keyof DecodedSettings as CamelCase<Name>]: DecodedSettings[Name];
} & { readonly workers: number };

/** Where settings come from. A later field of this list goes before an earlier one. */
export interface ConfigSources {
  /** A parsed configuration file and the name to call it by in messages. */
  readonly file?: { readonly name: string; readonly values: unknown };
  /** The process environment: `SIGNET_` and the setting's name in capitals. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The command line's flags by setting name. */
  readonly flags?: Readonly<Record<string, string | undefined>>;
}

export interface Defaults {
  /** What `workers` is if no source says: the machine's cores. */
  readonly workers: number;
}

/** The configuration is wrong; `problems` has one line for each mistake, with the mend. */
export class ConfigError extends GatewayError {
  readonly code = 'SIGNET_CONFIG_INVALID';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`the configuration has ${problems.length} mistake(s): ${problems.join('; ')}`);
    this.problems = problems;
  }
}

/** Variables with our prefix that are no settings: they say which file, which token, which test server. */
const otherVariables = ['SIGNET_CONFIG', 'SIGNET_TOKEN', 'SIGNET_ADMIN_URL'];
const secretSettings = settings.filter((info) => info.secret).map((info) => info.name);
export const secretVariables = secretSettings.map(environmentName);

/**
 * Reads, checks and freezes the configuration.
 * @throws ConfigError with all mistakes at once.
 */
export function readConfig(sources: ConfigSources, defaults: Defaults): GatewayConfig {
  return toConfig(readSettings(sources), defaults);
}

/**
 * Merges the sources and checks the outcome. Defaults are filled in, values are still text.
 * @throws ConfigError with all mistakes at once.
 */
export function readSettings(sources: ConfigSources): Settings {
  const problems: string[] = [];
  const given = {
    ...fromFile(sources.file, problems),
    ...fromEnvironment(sources.environment),
    ...fromFlags(sources.flags ?? {}, problems),
  };
  const merged: unknown = Value.Default(settingsSchema, structuredClone(given));
  problems.push(...explain(merged));
  problems.push(...unknownVariables(sources.environment, merged));
  if (problems.length > 0 || !Value.Check(settingsSchema, merged)) throw new ConfigError(problems);
  const contradictions = findContradictions(merged);
  if (contradictions.length > 0) throw new ConfigError(contradictions);
  return merged;
}

/** @throws nothing for settings that `readSettings` returned. */
export function toConfig(checked: Settings, defaults: Defaults): GatewayConfig {
  const decoded: DecodedSettings = Value.Decode(settingsSchema, checked);
  const config = Object.fromEntries(
    Object.entries({ workers: defaults.workers, ...decoded }).map(([name, value]) => [
      camelCase(name),
      deepFreeze(value),
    ]),
  );
  // The keys were renamed by the rule that the type states; TypeScript can't follow it at run time.
  return Object.freeze(config) as GatewayConfig;
}

/** The settings as they may be printed: secrets are `[redacted]`. */
export function printableSettings(checked: Settings): Record<string, unknown> {
  const secretNames: readonly string[] = secretSettings;
  return Object.fromEntries(
    Object.entries(checked).map(([name, value]) => [
      name,
      secretNames.includes(name) ? '[redacted]' : value,
    ]),
  );
}

export function environmentName(name: SettingName): string {
  return `SIGNET_${name.toUpperCase()}`;
}

function fromFile(file: ConfigSources['file'], problems: string[]): Record<string, unknown> {
  if (file === undefined || file.values === null || file.values === undefined) return {};
  if (typeof file.values !== 'object' || Array.isArray(file.values)) {
    problems.push(`${file.name}: expects a mapping, one 'setting: value' a line`);
    return {};
  }
  const known: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(file.values)) {
    if (find(name) === undefined) problems.push(`${file.name}: ${unknownSetting(name)}`);
    // A key without a value is as good as absent, as in Kong's own file.
    else if (value !== null) known[name] = value;
  }
  return known;
}

function fromEnvironment(environment: ConfigSources['environment']): Record<string, unknown> {
  const known: Record<string, unknown> = {};
  for (const info of settings) {
    const text = environment[environmentName(info.name)];
    if (text !== undefined) known[info.name] = fromText(info, text);
  }
  return known;
}

/** A misspelt variable would otherwise leave a setting at its default without a word. */
function unknownVariables(environment: ConfigSources['environment'], values: unknown): string[] {
  const names = settings.map((info) => environmentName(info.name));
  const masterKey = Value.Pointer.Get(values, '/master_key');
  return Object.keys(environment)
    .filter((variable) => variable.startsWith('SIGNET_') && environment[variable] !== undefined)
    .filter((variable) => !variable.startsWith('SIGNET_TEST_') && masterKey !== `env:${variable}`)
    .filter((variable) => !names.includes(variable) && !otherVariables.includes(variable))
    .map((variable) => {
      const near = didYouMean(variable, names);
      return `environment: ${variable} is no setting${near ? `, did you mean ${near}?` : ''}`;
    });
}

function fromFlags(
  flags: Readonly<Record<string, string | undefined>>,
  problems: string[],
): Record<string, unknown> {
  const known: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(flags)) {
    const info = find(name);
    if (info === undefined) problems.push(unknownSetting(name));
    else if (text !== undefined) known[info.name] = fromText(info, text);
  }
  return known;
}

/** Text that is no value of the setting's type stays as it is: the check then says what it expects. */
function fromText(info: SettingInfo, text: string): unknown {
  const trimmed = text.trim();
  if (info.type === 'integer' && /^-?[0-9]{1,15}$/.test(trimmed)) return Number(trimmed);
  if (info.type === 'boolean' && /^(true|false)$/i.test(trimmed)) {
    return trimmed.toLowerCase() === 'true';
  }
  if (info.type === 'array') {
    return trimmed === '' ? [] : trimmed.split(',').map((item) => item.trim());
  }
  return trimmed;
}

function explain(values: unknown): string[] {
  const byName = new Map<string, string>();
  for (const error of Value.Errors(settingsSchema, values)) {
    const [, name = ''] = error.instancePath.split('/');
    const info = find(name);
    if (info === undefined || byName.has(name)) continue;
    const value = Value.Pointer.Get(values, error.instancePath);
    const shown = info.secret ? '' : ` is ${JSON.stringify(value)},`;
    byName.set(name, `${name}:${shown} ${expectation(info, error.message)}`);
  }
  return [...byName.values()];
}

function expectation(info: SettingInfo, message: string): string {
  if (info.choices !== undefined) return `expects one of ${info.choices.join(', ')}`;
  if (info.expects !== undefined) return `expects ${info.expects}`;
  return message;
}

function findContradictions(values: Settings): string[] {
  const problems: string[] = [];
  if ((values.ssl_cert_path === undefined) !== (values.ssl_key_path === undefined)) {
    problems.push('ssl_cert_path and ssl_key_path: set both or neither');
  }
  if ((values.admin_ssl_cert_path === undefined) !== (values.admin_ssl_key_path === undefined)) {
    problems.push('admin_ssl_cert_path and admin_ssl_key_path: set both or neither');
  }
  if (values.join_token !== undefined && values.join_token_path !== undefined) {
    problems.push('join_token and join_token_path: set one of them');
  }
  const listeners = new Map<string, string>();
  for (const name of ['proxy_listen', 'proxy_listen_ssl', 'admin_api_listen'] as const) {
    const address = values[name];
    const other = listeners.get(address);
    if (other !== undefined && !address.endsWith(':0')) {
      problems.push(`${other} and ${name}: both are ${address}`);
    }
    listeners.set(address, name);
  }
  return problems;
}

function unknownSetting(name: string): string {
  const near = didYouMean(
    name,
    settings.map((s) => s.name),
  );
  return `'${name}' is no setting${near === undefined ? '' : `, did you mean '${near}'?`}`;
}

function find(name: string): SettingInfo | undefined {
  return settings.find((info) => info.name === name);
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
