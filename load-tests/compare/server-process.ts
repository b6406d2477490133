import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

const keptComplaint = 2_000;

/** The program of a server under comparison. */
export class ServerProcess {
  readonly startedAt = performance.now();
  readonly #child: ChildProcess;
  #complaint = '';

  constructor(program: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
    this.#child = spawn(program, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...environment },
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#complaint = (this.#complaint + chunk.toString()).slice(-keptComplaint);
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What it said last, once it has ended by itself. */
  get failure(): string | undefined {
    return this.#hasEnded ? this.#complaint : undefined;
  }

  reload(): void {
    this.#child.kill('SIGHUP');
  }

  /** In order: nginx's workers would outlive a master that is killed. */
  async stop(): Promise<void> {
    if (this.#hasEnded) return;
    this.#child.kill('SIGTERM');
    await once(this.#child, 'exit');
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
}
