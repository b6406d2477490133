import { Command } from 'commander';
import { stringify } from 'yaml';
import { printableSettings } from '../../shared/config.js';
import { addConfigFlags, flagsBySetting } from '../config-flags.js';
import { settingsTable } from '../config-table.js';
import { type Io, standardIo } from '../io.js';
import { loadConfig } from '../load-config.js';

/** `signet config`: what the sources add up to, without starting anything. */
export function configCommand(io: Io = standardIo): Command {
  const command = new Command('config')
    .description('check the configuration and print what it adds up to, secrets left out')
    .option('--json', 'print JSON instead of YAML')
    .option('--table', 'print the table of all settings, as in the README');
  addConfigFlags(command);
  return command.action((options: Readonly<Record<string, unknown>>) => {
    if (options['table'] === true) {
      io.out(settingsTable());
      return;
    }
    const printable = printableSettings(loadConfig(flagsBySetting(options)).settings);
    io.out(
      options['json'] === true ? `${JSON.stringify(printable, null, 2)}\n` : stringify(printable),
    );
  });
}
