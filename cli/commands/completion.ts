import { Argument, Command } from 'commander';
import { commandTable } from '../completion/command-table.js';
import { completionScript, type Shell, shells } from '../completion/scripts.js';
import { type Io, standardIo } from '../io.js';

/** `signet completion bash|zsh|fish`: a script, made from the commands as they are. */
export function completionCommand(io: Io = standardIo): Command {
  const command = new Command('completion');
  return command
    .description('print a script that makes a shell complete commands and flags')
    .addArgument(new Argument('<shell>', 'the shell that is to read it').choices(shells))
    .addHelpText('after', '\nAs in: source <(signet completion bash)\n')
    .action((shell: Shell) => {
      const program = command.parent;
      if (program === null) throw new TypeError('completion is a command of a program');
      io.out(completionScript(shell, commandTable(program)));
    });
}
