import { Command, CommanderError } from 'commander';
import { ConfigError } from '../shared/config.js';
import { version } from '../shared/version.js';
import { apiCommand } from './commands/api.js';
import { certCommand } from './commands/cert.js';
import { completionCommand } from './commands/completion.js';
import { configCommand } from './commands/config.js';
import { controlPlaneCommand } from './commands/control-plane.js';
import { dataPlaneCommand } from './commands/data-plane.js';
import { eventsCommand } from './commands/events.js';
import { importCommand } from './commands/import.js';
import { logCommand } from './commands/log.js';
import { logLevelCommand } from './commands/log-level.js';
import { nodeCommand } from './commands/node.js';
import { rollbackCommand } from './commands/rollback.js';
import { startCommand } from './commands/start.js';
import { stateCommand } from './commands/state.js';
import { statusCommand } from './commands/status.js';
import { tokenCommand } from './commands/token.js';
import { topCommand } from './commands/top.js';
import { vaultCommand } from './commands/vault.js';
import { errorText } from './error-text.js';
import { exitCode, type Io, standardIo } from './io.js';
import type { Roles } from './roles.js';

export function createProgram(roles: Roles, io: Io = standardIo): Command {
  const program = new Command('signet')
    .description('TLS gateway: bind a certificate to a host with one call, every node serves it.')
    .version(version, '-V, --version')
    .addCommand(startCommand(roles, io))
    .addCommand(controlPlaneCommand(roles, io))
    .addCommand(dataPlaneCommand(roles, io))
    .addCommand(logCommand(io))
    .addCommand(logLevelCommand(io))
    .addCommand(vaultCommand(io))
    .addCommand(configCommand(io))
    .addCommand(statusCommand(io))
    .addCommand(topCommand(io))
    .addCommand(apiCommand(io))
    .addCommand(certCommand(io))
    .addCommand(eventsCommand(io))
    .addCommand(stateCommand(io))
    .addCommand(rollbackCommand(io))
    .addCommand(nodeCommand(io))
    .addCommand(importCommand(io))
    .addCommand(tokenCommand(io))
    .addCommand(completionCommand(io));
  for (const command of withDescendants(program)) {
    command.showHelpAfterError(`(${typed(command)} --help tells more)`);
    command.exitOverride().configureOutput({
      writeOut: (text) => io.out(text),
      writeErr: (text) => io.error(text),
    });
  }
  return program;
}

/** A command as it is typed: `signet cert list`. */
function typed(command: Command): string {
  return command.parent === null ? command.name() : `${typed(command.parent)} ${command.name()}`;
}

export function withDescendants(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withDescendants)];
}

/** Runs one command line and tells what went wrong in words. Resolves with the exit code. */
export async function run(
  argv: readonly string[],
  roles: Roles,
  io: Io = standardIo,
): Promise<number> {
  try {
    await createProgram(roles, io).parseAsync(argv, { from: 'user' });
    return Number(process.exitCode ?? exitCode.ok);
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
    }
    if (error instanceof ConfigError) {
      io.error(`signet: the configuration is wrong:\n${bullets(error.problems)}`);
      return exitCode.usage;
    }
    io.error(`signet: ${errorText(error)}\n`);
    return exitCode.failed;
  }
}

function bullets(lines: readonly string[]): string {
  return lines.map((line) => `  - ${line}\n`).join('');
}
