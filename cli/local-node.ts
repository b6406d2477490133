import { setTimeout as delay } from 'node:timers/promises';
import type { LogLevel, Settings } from '../shared/config-schema.js';
import type { RootLogger } from '../shared/create-logger.js';
import { formatListenAddress } from '../shared/listen-address.js';
import type { Listening, RunningRole } from '../shared/running.js';
import { giveWay } from './give-way.js';
import { type ForkedNode, NodeForker } from './node-forker.js';

export interface LocalNodeOptions {
  /** The node's settings; the join token is added here. */
  readonly settings: Settings;
  readonly issueJoinToken: () => Promise<string>;
  readonly log: RootLogger;
}

const firstDelayMs = 50;
const longestDelayMs = 800;

/**
 * The all-in-one's data-plane node: the same program as a node elsewhere, in a process of its own,
 * so that a fault there never touches the control plane. Started anew within a second if it dies.
 * Once it serves, this process gives way to it.
 *
 * @throws Error if the first start fails, with the node's own words.
 */
export async function startLocalNode(options: LocalNodeOptions): Promise<RunningRole> {
  const forker = await NodeForker.start();
  try {
    const node = new LocalNode(options, forker);
    const listening = await node.start();
    options.log.onLevelChange((level) => node.setLogLevel(level));
    giveWay(forker.thread, options.log);
    return { listening, close: () => node.close() };
  } catch (error) {
    await forker.close();
    throw error;
  }
}

class LocalNode {
  readonly #options: LocalNodeOptions;
  readonly #forker: NodeForker;
  #settings: Settings;
  #child: ForkedNode | undefined;
  #closing = false;
  #delayMs = firstDelayMs;

  constructor(options: LocalNodeOptions, forker: NodeForker) {
    this.#options = options;
    this.#forker = forker;
    this.#settings = nodeSettings(options.settings);
  }

  async start(): Promise<readonly Listening[]> {
    const { issueJoinToken } = this.#options;
    const settings: Settings = { ...this.#settings, join_token: await issueJoinToken() };
    const child = this.#forker.fork(environmentFor(this.#options.settings, process.env));
    this.#child = child;
    this.#forker.send({ kind: 'run', settings });
    const outcome = await child.report;
    if (outcome.kind === 'failed') {
      this.#forker.kill('SIGKILL');
      await child.ended;
      throw new Error(outcome.message);
    }
    this.#delayMs = firstDelayMs;
    this.#keepPorts(outcome.listening);
    void child.ended.then((how) => this.#restart(how));
    return outcome.listening;
  }

  setLogLevel(level: LogLevel): void {
    this.#settings = { ...this.#settings, log_level: level };
    // One that is gone does not hear it; the next is started with the new level.
    this.#forker.send({ kind: 'log-level', level });
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#forker.kill('SIGTERM');
    await this.#child?.ended;
    await this.#forker.close();
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
