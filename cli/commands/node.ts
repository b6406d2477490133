import { Command } from 'commander';
import { type AdminOptions, addAdminFlags, adminConnection, text } from '../admin-connection.js';
import { fetchNodes, nodeTable } from '../fleet-nodes.js';
import { type Io, standardIo } from '../io.js';

/** `signet node token|list`: the nodes of the fleet and how they join it. */
export function nodeCommand(io: Io = standardIo): Command {
  const command = new Command('node').description('nodes, and the tokens they join with');

  addAdminFlags(command.command('token'))
    .description('print a token with which one new node joins, good for a short time')
    .action(async (options: AdminOptions) => {
      const answer = await adminConnection(options).send('POST', '/nodes/join-tokens', {});
      io.out(
        options.json === true
          ? `${JSON.stringify(answer, null, 2)}\n`
          : `${text(answer, 'token')}\n`,
      );
    });

  addAdminFlags(command.command('list'))
    .description('list all nodes')
    .action(async (options: AdminOptions) => {
      const nodes = await fetchNodes(adminConnection(options));
      io.out(options.json === true ? `${JSON.stringify(nodes, null, 2)}\n` : nodeTable(nodes));
    });

  return command;
}
