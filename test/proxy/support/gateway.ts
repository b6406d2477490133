import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ProxyCounters } from '../../../data-plane/proxy/gateway.js';
import { isExpectedLine } from '../../../data-plane/serving/printed-lines.js';
import { servingEnvironment, servingFlags } from '../../../data-plane/serving/process-start.js';
import type { GatewayProcessOptions } from './gateway-process.js';

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

interface Report {
  readonly type: string;
}

export interface Measured extends Report {
  readonly counters: ProxyCounters;
  readonly rss: number;
}

/** This module runs as TypeScript in the test runner and built in load tests; the child only built. */
const root = import.meta.url.endsWith('.ts') ? '../../../' : '../../../../';

/** A gateway in a process of its own: the engine stays out of the test runner. */
export class TestGateway {
  readonly #process: ChildProcess;
  readonly #reports: Report[] = [];
  readonly #waiting = new Set<() => void>();
  /** Whether it can serve the next test. */
  isReusable = true;
  httpPort = 0;
  httpsPort = 0;

  private constructor(process: ChildProcess) {
    this.#process = process;
    process.on('message', (report: Report) => {
      this.#reports.push(report);
      for (const check of [...this.#waiting]) check();
    });
  }

  static async start(options: GatewayProcessOptions): Promise<TestGateway> {
    const script = fileURLToPath(
      new URL(`${root}dist/test/proxy/support/gateway-process.js`, import.meta.url),
    );
    // The engine prints to standard output, and a full pipe would stop it.
    const child = fork(script, [JSON.stringify(options)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // As a node starts a serving process with one worker: it decides on what memory is kept.
      execArgv: [...process.execArgv, ...servingFlags],
      env: servingEnvironment(1, process.env),
    });
    if (child.stderr !== null) {
      createInterface({ input: child.stderr }).on('line', (line) => {
        if (!isExpectedLine(line)) console.error(line);
      });
    }
    const gateway = new TestGateway(child);
    const listening = await gateway.report<{ httpPort: number; httpsPort: number } & Report>(
      (report) => report.type === 'listening',
    );
    gateway.httpPort = listening.httpPort;
    gateway.httpsPort = listening.httpsPort;
    return gateway;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** The first report, past or future, that `matches`. */
  report<T extends Report>(matches: (report: Report) => boolean): Promise<T> {
    return new Promise((resolve, reject) => {
      const check = () => {
        const crash = this.#reports.find(({ type }) => type === 'crash');
        const found = crash ?? this.#reports.find(matches);
        if (found === undefined) return;
        this.#waiting.delete(check);
        if (crash === undefined) resolve(found as T);
        else reject(new Error(`the gateway crashed: ${JSON.stringify(crash)}`));
      };
      this.#waiting.add(check);
      check();
    });
  }

  /** The first log line whose fields are as given. */
  async logged(fields: Readonly<Record<string, unknown>>): Promise<LogLine> {
    const matches = (report: Report) => {
      const line = report as Report & LogLine;
      const wanted = Object.entries(fields);
      return line.type === 'log' && wanted.every(([name, value]) => line.fields[name] === value);
    };
    return await this.report<Report & LogLine>(matches);
  }

  /** What was logged so far at a level. */
  lines(level: string): readonly LogLine[] {
    return this.#reports.filter((report): report is Report & LogLine => {
      return report.type === 'log' && (report as Report & LogLine).level === level;
    });
  }

  /** Cannot be undone: see `isReusable`. */
  async drain(): Promise<void> {
    this.isReusable = false;
    this.#process.send({ type: 'drain' });
    await this.report(({ type }) => type === 'draining');
  }

  /** Serves other APIs from now on and forgets what was reported before. */
  async serve(apis: GatewayProcessOptions['apis']): Promise<void> {
    this.#reports.length = 0;
    this.#process.send({ type: 'apis', apis });
    await this.report(({ type }) => type === 'serving');
  }

  closeWebSockets(): void {
    this.#process.send({ type: 'close-web-sockets' });
  }

  /** Counters and memory as they are now. */
  async measure(): Promise<Measured> {
    const before = this.#reports.length;
    this.#process.send({ type: 'counters' });
    return await this.report<Measured>((report) => {
      return report.type === 'counters' && this.#reports.indexOf(report) >= before;
    });
  }

  /** Ends the process. @throws if it had crashed. */
  async close(): Promise<void> {
    const crash = this.#reports.find(({ type }) => type === 'crash');
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const exited = new Promise((resolve) => this.#process.once('exit', resolve));
      if (this.#process.connected) this.#process.disconnect();
      await exited;
    }
    const { exitCode, signalCode } = this.#process;
    if (crash !== undefined || exitCode !== 0) {
      throw new Error(`the gateway ended with ${exitCode ?? signalCode}: ${JSON.stringify(crash)}`);
    }
  }
}
