import { type Command, Option } from 'commander';
import { environmentName } from '../shared/config.js';
import { type SettingInfo, settings } from '../shared/config-schema.js';

/** Gives a command `--config` and one flag for each setting that is no secret. */
export function addConfigFlags(command: Command): Command {
  command.option('--config <file>', 'configuration file (default: signet.yml, if there is one)');
  for (const info of settings) {
    // Arguments are world-readable in the process list: secrets come from files or the environment.
    if (!info.secret) command.addOption(toOption(info));
  }
  return command;
}

/** The given flags by setting name, `config` among them. */
export function flagsBySetting(
  options: Readonly<Record<string, unknown>>,
): Record<string, string | undefined> {
  const flags: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(options)) {
    const setting = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    if (setting === 'config' || settings.some((info) => info.name === setting)) {
      flags[setting] = value === undefined ? undefined : String(value);
    }
  }
  return flags;
}

function toOption(info: SettingInfo): Option {
  const name = `--${info.name.replaceAll('_', '-')}`;
  const value = info.choices?.join('|') ?? info.expects ?? info.type;
  const option = new Option(
    info.type === 'boolean' ? `${name} [true|false]` : `${name} <${valueName(info)}>`,
    `${info.description} [${value}, ${environmentName(info.name)}]`,
  );
  // `--flag` alone says true; whatever else is given goes through the one check of all sources.
  if (info.type === 'boolean') option.preset('true');
  return option;
}

function valueName(info: SettingInfo): string {
  if (info.type === 'integer') return 'n';
  if (info.type === 'array') return 'list';
  return info.choices === undefined ? 'value' : 'word';
}
