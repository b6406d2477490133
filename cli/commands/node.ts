import { hostname } from 'node:os';
import { Command } from 'commander';
import { holdDataDirectory } from '../../shared/data-directory.js';
import { joinTokenOf } from '../../shared/join-token-source.js';
import { type AdminOptions, addAdminFlags, adminConnection, text } from '../admin-connection.js';
import { addConfigFlags, flagsBySetting } from '../config-flags.js';
import { fetchNodes, nodeTable } from '../fleet-nodes.js';
import { type Io, standardIo } from '../io.js';
import { loadConfig } from '../load-config.js';

/** `signet node token|list|revoke|join`: the nodes of the fleet, and how they come and go. */
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

  addAdminFlags(command.command('revoke'))
    .argument('<node>', 'its id, or its name if no other node has it')
    .description('take a node out of the cluster; it is cut off at once')
    .action(async (node: string, options: AdminOptions) => {
      await adminConnection(options).send('DELETE', `/nodes/${encodeURIComponent(node)}`);
      io.out(options.json === true ? '{}\n' : `${node} is revoked\n`);
    });

  addConfigFlags(command.command('join'))
    .description('make this machine a node, with a token; `data-plane` then needs none')
    .option('--json', 'print JSON')
    .action(async (options: Readonly<Record<string, unknown>>) => {
      const { config } = loadConfig(flagsBySetting(options));
      // Loaded here: no other command needs certificates to be made.
      const { joinCluster } = await import('../../data-plane/snapshot/join-cluster.js');
      // A node that runs there would go on under an identity that is gone.
      const release = holdDataDirectory(config.dataDir);
      try {
        const { nodeId } = await joinCluster({
          dataDirectory: config.dataDir,
          addresses: config.controlPlanes,
          token: joinTokenOf(config),
          nodeName: config.nodeName ?? hostname(),
        });
        const isJson = options['json'] === true;
        io.out(isJson ? `${JSON.stringify({ node_id: nodeId })}\n` : `joined as ${nodeId}\n`);
      } finally {
        release();
      }
    });

  return command;
}
