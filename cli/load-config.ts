import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { LineCounter, parseDocument } from 'yaml';
import {
  ConfigError,
  type ConfigSources,
  type GatewayConfig,
  readSettings,
  secretVariables,
  toConfig,
} from '../shared/config.js';
import type { Settings } from '../shared/config-schema.js';
import { errorText } from './error-text.js';
import { yamlFault } from './yaml-fault.js';

export interface LoadedConfig {
  readonly config: GatewayConfig;
  readonly settings: Settings;
  /** The file that was read, `undefined` if there was none. */
  readonly file: string | undefined;
}

const defaultFile = 'signet.yml';

/**
 * Reads the configuration file (the one named, else `signet.yml` of the working directory if it is
 * there), the environment and the flags. Takes the secrets out of the environment.
 * @throws ConfigError with every mistake in them.
 */
export function loadConfig(
  flags: Readonly<Record<string, string | undefined>>,
  environment: NodeJS.ProcessEnv = process.env,
): LoadedConfig {
  const { config: named, ...settingFlags } = flags;
  const file =
    named ?? environment['SIGNET_CONFIG'] ?? (existsSync(defaultFile) ? defaultFile : undefined);
  const sources: ConfigSources = {
    ...(file === undefined ? {} : { file: { name: file, values: parseYaml(file) } }),
    environment,
    flags: settingFlags,
  };
  const settings = readSettings(sources);
  // What lists the environment later, as Node's diagnostic reports do, is not to find them there.
  for (const name of secretVariables) delete environment[name];
  return { settings, config: configOf(settings), file };
}

export function configOf(settings: Settings): GatewayConfig {
  return toConfig(settings, { workers: availableParallelism() });
}

function parseYaml(file: string): unknown {
  const lineCounter = new LineCounter();
  const document = parseDocument(readText(file), {
    ...{ lineCounter, prettyErrors: false, logLevel: 'silent' },
  });
  if (document.errors.length > 0) {
    throw new ConfigError(document.errors.map((fault) => yamlFault(file, fault, lineCounter)));
  }
  try {
    // Aliases are of no use in a flat file; without them no file can grow while it is read.
    return document.toJS({ maxAliasCount: 0 });
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    throw new ConfigError([`${file} has aliases (*name): write out what they stand for`]);
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError([errorText(error, file)]);
  }
}
