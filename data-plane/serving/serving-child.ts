import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LogLevel } from '../../shared/config-schema.js';
import type { Logger } from '../../shared/logger.js';
import type { RejectedEntry } from '../../shared/snapshot.js';
import type { AppliedChanges } from '../store/node-store.js';
import { HeardStats } from './heard-stats.js';
import type { ServingCommand, ServingReport, ServingSettings } from './messages.js';
import { PendingReplies } from './pending-replies.js';
import { logPrintedLines } from './printed-lines.js';
import { servingEnvironment, servingFlags } from './process-start.js';
import type { ServingStats } from './serving-stats.js';
import { SocketDirectory } from './socket-directory.js';

const servingFile = fileURLToPath(new URL('./main.js', import.meta.url));
const startTimeoutMs = 20_000;
/** A worker that does not come back from a change for so long never will. */
const applyTimeoutMs = 30_000;
/** Nor does a process that does not say how it is: a thread of it spins, or it was stopped. */
const defaultSilenceTimeoutMs = 30_000;
/** Of any of these: to hear the answers that came while the supervisor itself could not run. */
const lastLookMs = 1_000;

export interface ServingChildOptions {
  /** Its place among the node's serving processes. */
  readonly slot: number;
  readonly settings: Omit<ServingSettings, 'socketDirectory'>;
  readonly logger: Logger;
  /** After how long without an answer it is ended. Default 30,000. */
  readonly silenceTimeoutMs?: number;
}

/** The supervisor's side of one serving process, from fork to end. */
export class ServingChild {
  /** It accepts connections; rejects if it ends before, with its own words if it said any. */
  readonly ready: Promise<void>;
  /** How it ended. Never rejects. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #logger: Logger;
  readonly #applied = new PendingReplies<readonly RejectedEntry[] | undefined>(undefined);
  readonly #stats = new PendingReplies<ServingStats | undefined>(undefined);
  readonly #heard: HeardStats;
  readonly #restarted = new PendingReplies<void>(undefined);
  #becameReady: () => void = () => {};
  #failure: string | undefined;

  constructor(options: ServingChildOptions) {
    const { slot, settings, logger, silenceTimeoutMs = defaultSilenceTimeoutMs } = options;
    this.#logger = logger;
    this.#heard = new HeardStats(() => {
      const answer = this.#stats.request((id) => this.#send({ kind: 'stats', id }));
      this.#killUnlessIn(silenceTimeoutMs, answer, 'said nothing of itself');
      return answer;
    });
    const sockets = new SocketDirectory(settings.dataDirectory, slot);
    const child = fork(servingFile, [], {
      // The engine prints on standard output, from C++, and would block on a pipe that nobody reads.
      // The last is `servingLogFd`, and leads to our own standard error.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc', 2],
      serialization: 'json',
      execArgv: [...process.execArgv, ...servingFlags],
      env: servingEnvironment(settings.workers, inherited()),
    });
    this.#child = child;
    if (child.stderr) logPrintedLines(child.stderr, logger.child({ serving: child.pid }));
    this.ended = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
      child.once('error', (error) => resolve(error.message));
    }).then((how) => {
      sockets.remove();
      this.#applied.gone();
      this.#stats.gone();
      this.#restarted.gone();
      return how;
    });
    this.ready = new Promise((resolve, reject) => {
      this.#becameReady = resolve;
      void this.ended.then((how) =>
        reject(new Error(this.#failure ?? `the serving process ended: ${how}`)),
      );
    });
    this.ready.catch(() => undefined); // whoever awaits it hears of it, and `ended` always does
    child.on('message', (message) => this.#hear(message as ServingReport)); // only our own program writes there
    this.#send({ kind: 'start', settings: { ...settings, socketDirectory: sockets.path } });
    this.#killUnlessIn(startTimeoutMs, this.ready, 'did not start');
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** @returns `undefined` if it ended before it had an answer. */
  apply(changes: AppliedChanges): Promise<readonly RejectedEntry[] | undefined> {
    const proved = this.#applied.request((id) => this.#send({ kind: 'apply', id, changes }));
    this.#killUnlessIn(applyTimeoutMs, proved, 'did not come back from a change');
    // One that starts serves nobody until it listens.
    return this.ready.then(
      () => proved,
      () => undefined,
    );
  }

  /**
   * What it says of itself; see `HeardStats`. To be asked regularly: a question without an answer is what
   * ends a process that hangs.
   */
  stats(): Promise<ServingStats | undefined> {
    return this.#heard.read();
  }

  restartWorkers(): Promise<void> {
    return this.#restarted.request((id) => this.#send({ kind: 'restart-workers', id }));
  }

  setLogLevel(level: LogLevel): void {
    this.#send({ kind: 'log-level', level });
  }

  /** Lets requests under way end. Resolves when the process has ended. */
  async drain(timeoutMs: number): Promise<void> {
    this.#send({ kind: 'drain' });
    this.#killUnlessIn(timeoutMs, this.ended, 'did not drain');
    await this.ended;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  #killUnlessIn(ms: number, done: Promise<unknown>, reason: string): void {
    const kill = () => {
      this.#logger.error({ pid: this.pid, reason, ms }, 'a serving process is killed');
      this.#child.kill('SIGKILL');
    };
    // In two steps: after a pause of the whole machine timers come before the messages that wait.
    let timer = setTimeout(() => {
      timer = setTimeout(kill, lastLookMs);
    }, ms - lastLookMs);
    const stop = () => clearTimeout(timer);
    done.then(stop, stop);
  }

  #hear(report: ServingReport): void {
    switch (report.kind) {
      case 'ready':
        this.#becameReady();
        return;
      case 'failed':
        this.#failure = report.message;
        return;
      case 'applied':
        this.#applied.settle(report.id, report.rejections);
        return;
      case 'stats':
        this.#stats.settle(report.id, report.stats);
        return;
      case 'workers-restarted':
        this.#restarted.settle(report.id, undefined);
        return;
      default:
        report satisfies never;
    }
  }

  #send(command: ServingCommand): void {
    // An error means that the process is gone; `ended` tells.
    this.#child.send(command, () => undefined);
  }
}

/** Settings come by message; the process inherits no token or connection string. */
function inherited(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('SIGNET_')),
  );
}
