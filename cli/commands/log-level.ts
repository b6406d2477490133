import { Argument, Command } from 'commander';
import { logLevels } from '../../shared/config-schema.js';
import { type AdminOptions, addAdminFlags, adminConnection, text } from '../admin-connection.js';
import { type Io, standardIo } from '../io.js';

/** `signet log-level [LEVEL]`: what a running control plane logs at least. */
export function logLevelCommand(io: Io = standardIo): Command {
  const command = new Command('log-level')
    .description('show or change what a control plane logs at least, until its next start')
    .addArgument(new Argument('[level]', 'another one from now on').choices(logLevels));
  return addAdminFlags(command).action(async (level: string | undefined, options: AdminOptions) => {
    const admin = adminConnection(options);
    const answer =
      level === undefined
        ? await admin.send('GET', '/log-level')
        : await admin.send('PUT', '/log-level', { level });
    io.out(
      options.json === true ? `${JSON.stringify(answer, null, 2)}\n` : `${text(answer, 'level')}\n`,
    );
  });
}
