import { Command } from 'commander';
import { createLogger } from '../../shared/create-logger.js';
import { addConfigFlags, flagsBySetting } from '../config-flags.js';
import { errorText } from '../error-text.js';
import { type Io, standardIo } from '../io.js';
import { runUntilSignal } from '../lifecycle.js';
import { configOf, type LoadedConfig, loadConfig } from '../load-config.js';
import type { LogLevelMessage, NodeReport, RunMessage } from '../local-node-messages.js';
import type { Roles } from '../roles.js';
import { describeRunning } from '../running-text.js';

/** `signet data-plane`: one proxy node, fed by a control plane. */
export function dataPlaneCommand(roles: Roles, io: Io = standardIo): Command {
  const command = new Command('data-plane')
    .description('run a proxy node that takes its certificates and routes from a control plane')
    .option('--json', 'say what listens where as one line of JSON');
  addConfigFlags(command);
  command.addOption(command.createOption('--run-by-parent').hideHelp());
  return command.action(async (options: Readonly<Record<string, unknown>>) => {
    if (options['runByParent'] === true) {
      process.exitCode = await runForParent(roles);
      return;
    }
    const loaded = loadConfig(flagsBySetting(options));
    const log = createLogger({ level: loaded.config.logLevel, role: 'data-plane' });
    const running = await roles.startDataPlane(loaded.config, log);
    const json = options['json'] === true;
    process.exitCode = await runUntilSignal(running, {
      log,
      closeTimeoutMs: closeTimeout(loaded),
      announce: () => io.out(describeRunning({ running, loaded, json, nextSteps: false })),
    });
  });
}

/** Draining is bounded by the setting; what remains is closing files. */
export function closeTimeout({ config }: Pick<LoadedConfig, 'config'>): number {
  return config.drainTimeoutMs + 5_000;
}

/** The all-in-one's child: its configuration comes by message, and it does not outlive its parent. */
async function runForParent(roles: Roles): Promise<number> {
  process.once('disconnect', () => process.exit(1));
  const { settings } = await new Promise<RunMessage>((resolve) => {
    process.once('message', (message) => resolve(message as RunMessage));
  });
  const config = configOf(settings);
  const log = createLogger({ level: config.logLevel, role: 'data-plane' });
  try {
    const running = await roles.startDataPlane(config, log);
    process.on('message', (message: LogLevelMessage) => {
      if (message.kind === 'log-level') log.level = message.level;
    });
    const code = await runUntilSignal(running, {
      log,
      closeTimeoutMs: closeTimeout({ config }),
      announce: () => tellParent({ kind: 'running', listening: running.listening }),
      ignore: ['SIGINT'],
    });
    // The parent's channel, which is still watched, would keep the process alive.
    process.channel?.unref();
    return code;
  } catch (error) {
    // The parent says so; the stack is for those who look for a defect.
    log.debug({ err: error }, 'the data plane did not start');
    tellParent({ kind: 'failed', message: errorText(error) });
    return 1;
  }
}

function tellParent(report: NodeReport): void {
  process.send?.(report);
}
