import { join } from 'node:path';
import { Command } from 'commander';
import { createLogger, type RootLogger } from '../../shared/create-logger.js';
import { formatListenAddress } from '../../shared/listen-address.js';
import type { RunningRole } from '../../shared/running.js';
import { addConfigFlags, flagsBySetting } from '../config-flags.js';
import { handOverFirstToken } from '../first-token.js';
import { type Io, standardIo } from '../io.js';
import { runUntilSignal } from '../lifecycle.js';
import { type LoadedConfig, loadConfig } from '../load-config.js';
import { startLocalNode } from '../local-node.js';
import type { Roles } from '../roles.js';
import { describeRunning } from '../running-text.js';
import { closeTimeout } from './data-plane.js';

/** `signet start`: everything on one machine, a control plane and one node. */
export function startCommand(roles: Roles, io: Io = standardIo): Command {
  const command = new Command('start')
    .description('run everything on this machine: a control plane and one proxy node')
    .option('--json', 'say what listens where as one line of JSON');
  addConfigFlags(command);
  return command.action(async (options: Readonly<Record<string, unknown>>) => {
    const loaded = loadConfig(flagsBySetting(options));
    const log = createLogger({ level: loaded.config.logLevel, role: 'control-plane' });
    const running = await startAllInOne(roles, loaded, { log, io });
    const json = options['json'] === true;
    process.exitCode = await runUntilSignal(running, {
      log,
      closeTimeoutMs: closeTimeout(loaded),
      announce: () => io.out(describeRunning({ running, loaded, json, nextSteps: true })),
    });
  });
}

async function startAllInOne(
  roles: Roles,
  { config, settings }: LoadedConfig,
  { log, io }: { readonly log: RootLogger; readonly io: Io },
): Promise<RunningRole> {
  const controlPlane = await roles.startControlPlane(config, log);
  try {
    handOverFirstToken(
      {
        token: controlPlane.firstAdminToken,
        dataDir: config.dataDir,
        isTerminal: process.stderr.isTTY,
      },
      io,
    );
    const stream = controlPlane.listening.find((listener) => listener.what === 'nodeStream');
    if (stream === undefined) throw new Error('the control plane has no listener for nodes');
    const node = await startLocalNode({
      settings: {
        ...settings,
        data_dir: join(config.dataDir, 'node'),
        control_planes: [formatListenAddress(stream.address)],
      },
      issueJoinToken: () => controlPlane.issueJoinToken(),
      log,
    });
    return {
      listening: [...node.listening, ...controlPlane.listening],
      // The node drains first, while its control plane still answers it.
      close: async () => {
        await node.close();
        await controlPlane.close();
      },
    };
  } catch (error) {
    await controlPlane.close();
    throw error;
  }
}
