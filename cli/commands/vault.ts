import { Command } from 'commander';
import { type AdminOptions, addAdminFlags, adminConnection, text } from '../admin-connection.js';
import { type Io, standardIo } from '../io.js';

/** `signet vault rotate-master-key`: upkeep of the key vault while it serves. */
export function vaultCommand(io: Io = standardIo): Command {
  const command = new Command('vault').description('the vault that holds the private keys');

  addAdminFlags(command.command('rotate-master-key'))
    .description('change the key that wraps all private keys; nothing stops meanwhile')
    .action(async (options: AdminOptions) => {
      const answer = await adminConnection(options).send('POST', '/master-key/rotations', {});
      if (options.json === true) {
        io.out(`${JSON.stringify(answer, null, 2)}\n`);
        return;
      }
      const id = text(answer, 'master_key_id');
      io.out(
        answer['rotating'] === true
          ? `the new master key is ${id}; keys are still being wrapped by it, see the log\n`
          : `every key is wrapped by the new master key ${id}\n`,
      );
    });

  return command;
}
