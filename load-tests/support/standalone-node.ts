import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServingSettings } from '../../data-plane/serving/messages.js';
import type { ServingStats } from '../../data-plane/serving/serving-stats.js';
import type { HostBinding, NodeReply, NodeRequest, NodeState } from './node-process-messages.js';

const program = fileURLToPath(new URL('./node-process.js', import.meta.url));

/** A data-plane node without a control plane, in processes of its own; its store is written from here. */
export class StandaloneNode {
  readonly #directory = mkdtempSync(join(tmpdir(), 'signet-load-'));
  #child: ChildProcess;
  readonly #waiting = new Map<number, (reply: NodeReply) => void>();
  #lastId = 0;
  #state: NodeState | undefined;

  constructor() {
    this.#child = this.#fork();
  }

  async start(settings: Partial<ServingSettings> = {}, processes = 1): Promise<void> {
    await this.#ask({ kind: 'start', settings, processes });
  }

  /** Ends its processes and starts them again on the store as it is. @returns ms until it serves. */
  async startAgain(settings: Partial<ServingSettings> = {}): Promise<number> {
    await this.#end();
    const startedAt = performance.now();
    this.#child = this.#fork();
    await this.start(settings);
    return performance.now() - startedAt;
  }

  get dataDirectory(): string {
    return this.#directory;
  }

  get port(): number {
    return this.#known.httpsPort;
  }

  /** The serving process whose CPU time counts. */
  get servingPid(): number {
    const [pid] = this.#known.servingPids;
    if (pid === undefined) throw new Error('no serving process');
    return pid;
  }

  /** All of the node's processes, the supervisor's included. */
  get pids(): readonly number[] {
    return [this.#child.pid ?? 0, ...this.#known.servingPids];
  }

  async stats(): Promise<ServingStats> {
    const { stats } = await this.#ask({ kind: 'stats' });
    if (stats === undefined) throw new Error('not started');
    return stats;
  }

  /** Binds hosts to certificates in one revision; resolves when all workers serve it. */
  async bind(bindings: readonly HostBinding[]): Promise<void> {
    await this.#ask({ kind: 'bind', bindings });
  }

  async restartWorkers(): Promise<void> {
    await this.#ask({ kind: 'restart-workers' });
  }

  async stop(): Promise<void> {
    await this.#end();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  get #known(): NodeState {
    if (this.#state === undefined) throw new Error('not started');
    return this.#state;
  }

  #fork(): ChildProcess {
    const child = fork(program, [this.#directory], { serialization: 'advanced' });
    child.on('message', (reply: NodeReply) => {
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
    return child;
  }

  async #ask(request: NodeRequest): Promise<NodeState> {
    this.#lastId += 1;
    const id = this.#lastId;
    const reply = await new Promise<NodeReply>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ id, request });
    });
    if ('failure' in reply) throw new Error(reply.failure);
    this.#state = reply.state;
    return reply.state;
  }

  async #end(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.kill('SIGTERM');
    await once(this.#child, 'exit');
  }
}
