import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { builtFile } from './built-file.js';
import { fullRun } from './run-scope.js';

const entry = builtFile('cli/main.js');
/**
 * Three processes start one after the other, perhaps beside a whole test run on two cores; in a long run
 * a start that takes two seconds of CPU may wait minutes for them.
 */
const startTimeoutMs = fullRun ? 300_000 : 60_000;

export interface GatewayOptions {
  readonly command?: 'start' | 'control-plane' | 'data-plane';
  /** Becomes `--data-dir`, and the process's working directory. */
  readonly dataDir: string;
  /** More flags, e.g. `['--workers', '1']`. They go before the defaults of this module. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Ports by listener, as the process printed them. */
interface Announcement {
  readonly listening: Readonly<
    Partial<Record<'proxy' | 'proxyTls' | 'admin' | 'nodeStream' | 'nodeStatus', string>>
  >;
}

/**
 * The built gateway as a process of its own, on loopback and free ports. Whoever starts one ends it
 * with `stop` or `kill`; children of it end with it.
 */
export class GatewayProcess {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #listening: Announcement['listening'];
  readonly #exited: Promise<number | NodeJS.Signals>;
  readonly #log: string[];

  private constructor(
    child: ChildProcessByStdio<null, Readable, Readable>,
    announcement: Announcement,
    exited: Promise<number | NodeJS.Signals>,
    log: string[],
  ) {
    this.#child = child;
    this.#listening = announcement.listening;
    this.#exited = exited;
    this.#log = log;
  }

  /** Resolves once everything listens. @throws Error with the process's own words if it doesn't. */
  static async start({
    command = 'start',
    dataDir,
    flags = [],
    env = {},
  }: GatewayOptions): Promise<GatewayProcess> {
    const child = spawn(
      process.execPath,
      [entry, command, '--json', '--data-dir', dataDir, ...withFreePorts(command, flags)],
      {
        cwd: dataDir,
        // What a killed one leaves in its temporary directory goes with the test's own.
        env: { ...withoutOurVariables(), TMPDIR: dataDir, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const log: string[] = [];
    child.stderr.setEncoding('utf8').on('data', (text: string) => void log.push(text));
    const exited = new Promise<number | NodeJS.Signals>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => resolve(signal ?? code ?? -1));
    });
    const announcement = await firstLine(child.stdout, exited, log).catch((error: unknown) => {
      child.kill('SIGKILL');
      throw error;
    });
    return new GatewayProcess(child, JSON.parse(announcement), exited, log);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }
  get tlsPort(): number {
    return this.#port('proxyTls');
  }
  get httpPort(): number {
    return this.#port('proxy');
  }
  get nodePort(): number {
    return this.#port('nodeStream');
  }
  get statusUrl(): string {
    return `http://127.0.0.1:${this.#port('nodeStatus')}`;
  }
  get adminUrl(): string {
    return `http://127.0.0.1:${this.#port('admin')}`;
  }
  /** Everything it wrote to standard error so far. */
  get log(): string {
    return this.#log.join('');
  }
  /** Exit code, or the signal that ended it. */
  get exited(): Promise<number | NodeJS.Signals> {
    return this.#exited;
  }

  /** Asks it to drain and stop. */
  async stop(signal: 'SIGTERM' | 'SIGINT' = 'SIGTERM'): Promise<number | NodeJS.Signals> {
    this.#child.kill(signal);
    return this.#exited;
  }

  /** Ends it without a word, as a crash or the out-of-memory killer would. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #port(what: keyof Announcement['listening']): number {
    const address = this.#listening[what];
    if (address === undefined) throw new Error(`this process has no ${what} listener`);
    return Number(address.slice(address.lastIndexOf(':') + 1));
  }
}

function withFreePorts(command: string, flags: readonly string[]): string[] {
  const listeners =
    command === 'data-plane'
      ? ['--proxy-listen', '--proxy-listen-ssl']
      : ['--proxy-listen', '--proxy-listen-ssl', '--admin-api-listen', '--node-listen'];
  return [
    ...flags,
    ...listeners.filter((flag) => !flags.includes(flag)).flatMap((flag) => [flag, '127.0.0.1:0']),
  ];
}

function withoutOurVariables(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('SIGNET_')),
  );
}

function firstLine(
  stdout: Readable,
  exited: Promise<number | NodeJS.Signals>,
  log: readonly string[],
): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => {
      reject(new Error(`not up after ${startTimeoutMs} ms:\n${log.join('')}`));
    }, startTimeoutMs);
    stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end < 0) return;
      clearTimeout(timer);
      resolve(text.slice(0, end));
    });
    exited.then((how) => {
      clearTimeout(timer);
      reject(new Error(`ended with ${how} before it was up:\n${log.join('')}`));
    }, reject);
  });
}
