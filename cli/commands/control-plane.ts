import { Command } from 'commander';
import { createLogger } from '../../shared/create-logger.js';
import { addConfigFlags, flagsBySetting } from '../config-flags.js';
import { handOverFirstToken } from '../first-token.js';
import { type Io, standardIo } from '../io.js';
import { runUntilSignal } from '../lifecycle.js';
import { loadConfig } from '../load-config.js';
import type { Roles } from '../roles.js';
import { describeRunning } from '../running-text.js';
import { closeTimeout } from './data-plane.js';

/** `signet control-plane`: event log, admin API and the stream to nodes, without a proxy. */
export function controlPlaneCommand(roles: Roles, io: Io = standardIo): Command {
  const command = new Command('control-plane')
    .description('run a control plane: event log, admin API, stream to the nodes')
    .option('--json', 'say what listens where as one line of JSON');
  addConfigFlags(command);
  return command.action(async (options: Readonly<Record<string, unknown>>) => {
    const loaded = loadConfig(flagsBySetting(options));
    const log = createLogger({ level: loaded.config.logLevel, role: 'control-plane' });
    const running = await roles.startControlPlane(loaded.config, log);
    handOverFirstToken(
      {
        token: running.firstAdminToken,
        dataDir: loaded.config.dataDir,
        isTerminal: process.stderr.isTTY,
      },
      io,
    );
    const json = options['json'] === true;
    process.exitCode = await runUntilSignal(running, {
      log,
      closeTimeoutMs: closeTimeout(loaded),
      announce: () => io.out(describeRunning({ running, loaded, json, nextSteps: false })),
    });
  });
}
