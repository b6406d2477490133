import { Command } from 'commander';
import { type AdminOptions, addAdminFlags, adminConnection } from '../admin-connection.js';
import { boundCertificates } from '../bound-certificates.js';
import { parseDuration, remaining } from '../duration.js';
import { fetchNodes, nodeTable } from '../fleet-nodes.js';
import { type Io, standardIo } from '../io.js';
import { table } from '../table.js';

interface Options extends AdminOptions {
  readonly expiring: number;
}

/** `signet status`: nodes with revision and lag, entity counts, certificates that end soon. */
export function statusCommand(io: Io = standardIo): Command {
  return addAdminFlags(new Command('status'))
    .description('the fleet at a glance: nodes, revisions, lag, expiring certificates')
    .option('--expiring <duration>', 'which certificates end soon', parseDuration, 30 * 86_400_000)
    .action(async (options: Options) => {
      const admin = adminConnection(options);
      const [status, nodes, certificates] = await Promise.all([
        admin.send('GET', '/status'),
        fetchNodes(admin),
        boundCertificates(admin),
      ]);
      const now = Date.now();
      const expiring = certificates.filter(
        ({ notAfter }) => Date.parse(notAfter) - now < options.expiring,
      );
      if (options.json === true) {
        const { database } = status;
        io.out(`${JSON.stringify({ database, nodes, expiring }, null, 2)}\n`);
        return;
      }
      io.out(`${nodeTable(nodes)}\n`);
      const hosts = certificates.length === 1 ? '1 host has' : `${certificates.length} hosts have`;
      io.out(`${hosts} a certificate, ${expiring.length} of them end soon\n`);
      if (expiring.length === 0) return;
      const rows = expiring
        .slice(0, 20)
        .map(({ host, notAfter }) => [host, remaining(Date.parse(notAfter), now), notAfter]);
      io.out(`\n${table(['HOST', 'LEFT', 'NOT AFTER'], rows)}`);
      if (expiring.length > 20) io.out(`and ${expiring.length - 20} more: signet cert list\n`);
    });
}
