import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { LogLevel, Settings } from '../shared/config-schema.js';
import type { RootLogger } from '../shared/create-logger.js';
import { formatListenAddress } from '../shared/listen-address.js';
import type { Listening, RunningRole } from '../shared/running.js';
import type { LogLevelMessage, NodeReport, RunMessage } from './local-node-messages.js';

export interface LocalNodeOptions {
  /** The node's settings; the join token is added here. */
  readonly settings: Settings;
  readonly issueJoinToken: () => Promise<string>;
  readonly log: RootLogger;
}

const entry = fileURLToPath(new URL('./main.js', import.meta.url));
const firstDelayMs = 50;
const longestDelayMs = 800;

/**
 * The all-in-one's data-plane node: the same program as a node elsewhere, in a process of its own,
 * so that a fault there never touches the control plane. Started anew within a second if it dies.
 *
 * @throws Error if the first start fails, with the node's own words.
 */
export async function startLocalNode(options: LocalNodeOptions): Promise<RunningRole> {
  const node = new LocalNode(options);
  const listening = await node.start();
  options.log.onLevelChange((level) => node.setLogLevel(level));
  return { listening, close: () => node.close() };
}

class LocalNode {
  readonly #options: LocalNodeOptions;
  #settings: Settings;
  #child: ChildProcess | undefined;
  #closing = false;
  #delayMs = firstDelayMs;

  constructor(options: LocalNodeOptions) {
    this.#options = options;
    this.#settings = nodeSettings(options.settings);
  }

  async start(): Promise<readonly Listening[]> {
    const { log, issueJoinToken } = this.#options;
    const settings: Settings = { ...this.#settings, join_token: await issueJoinToken() };
    const child = fork(entry, ['data-plane', '--run-by-parent'], {
      // The engine prints on standard output and would block on a pipe that nobody reads.
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: environmentFor(this.#options.settings, process.env),
    });
    this.#child = child;
    // On this process's own signal the child's end is expected; asking for it comes from `close`.
    const exited = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
      child.once('error', (error) => resolve(error.message));
    });
    const report = new Promise<NodeReport>((resolve) => {
      child.once('message', (message) => resolve(message as NodeReport));
      void exited.then((how) => resolve({ kind: 'failed', message: `ended with ${how}` }));
    });
    child.send({ kind: 'run', settings } satisfies RunMessage, (error) => {
      if (error !== null) log.warn({ err: error }, 'could not reach the data-plane process');
    });

    const outcome = await report;
    if (outcome.kind === 'failed') {
      child.kill('SIGKILL');
      throw new Error(outcome.message);
    }
    this.#delayMs = firstDelayMs;
    this.#keepPorts(outcome.listening);
    void exited.then((how) => this.#restart(how));
    return outcome.listening;
  }

  setLogLevel(level: LogLevel): void {
    this.#settings = { ...this.#settings, log_level: level };
    this.#child?.send({ kind: 'log-level', level } satisfies LogLevelMessage, () => {
      // An error means that it is gone; the next one is started with the new level.
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    await exited;
  }

  async #restart(how: string): Promise<void> {
    const { log } = this.#options;
    while (!this.#closing) {
      log.error({ how, delayMs: this.#delayMs }, 'the data-plane process ended, starting it anew');
      await delay(this.#delayMs);
      this.#delayMs = Math.min(this.#delayMs * 2, longestDelayMs);
      if (this.#closing) return;
      try {
        await this.start();
        log.info({}, 'the data-plane process is up again');
        return;
      } catch (error) {
        log.error({ err: error }, 'the data-plane process did not start');
      }
    }
  }

  /** A restarted node comes back on the ports that clients know, also where 0 was asked for. */
  #keepPorts(listening: readonly Listening[]): void {
    const chosen = (what: Listening['what']) => listening.find((l) => l.what === what)?.address;
    const plain = chosen('proxy');
    const tls = chosen('proxyTls');
    this.#settings = {
      ...this.#settings,
      ...(plain === undefined ? {} : { proxy_listen: formatListenAddress(plain) }),
      ...(tls === undefined ? {} : { proxy_listen_ssl: formatListenAddress(tls) }),
    };
  }
}

/** The processes that face the network have no use for what opens the log and the vault. */
function nodeSettings({ event_log: _log, master_key: _masterKey, ...rest }: Settings): Settings {
  return rest;
}

/**
 * The child is configured by message alone, and inherits no token, connection string or master key: the
 * processes that face the network have no use for them.
 */
function environmentFor(
  { master_key: masterKey = '' }: Settings,
  environment: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const masterKeyVariable = masterKey.startsWith('env:') ? masterKey.slice('env:'.length) : '';
  return Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => !name.startsWith('SIGNET_') && name !== masterKeyVariable,
    ),
  );
}
