import { closeSync, openSync, readFileSync, statSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { readIdentity } from '../../../../data-plane/snapshot/node-identity.js';
import { connectToControlPlane } from '../../../../data-plane/snapshot/subscriber.js';
import { builtFile } from '../../../support/built-file.js';
import { GatewayProcess } from '../../../support/gateway-process.js';
import { isRunning } from '../../../support/is-running.js';
import { integer, type Random } from '../../../support/random.js';
import { silentLogger } from '../../../support/silent-logger.js';
import { FlakyLink, type LinkMode } from '../flaky-link.js';

export interface ProcessNodeOptions {
  readonly name: string;
  readonly dataDir: string;
  readonly controlPlanes: number;
  readonly workers: number;
  readonly random: Random;
}

/** A data-plane node as a process, behind a link to each control plane. */
export class ProcessNode {
  readonly name: string;
  readonly links: readonly FlakyLink[];
  /** Counts what was done to it that may fail handshakes. */
  disturbances = 0;
  /** From such a thing to the next handshake that succeeds. */
  isDisturbed = false;
  /** Its store was damaged, and it has not caught up yet. */
  isTorn = false;
  readonly #options: ProcessNodeOptions;
  #ports: readonly string[] = [];
  #process: GatewayProcess | undefined;
  #last: GatewayProcess | undefined;

  constructor(options: ProcessNodeOptions) {
    this.#options = options;
    this.name = options.name;
    const slowMs = () => integer(options.random, 30);
    this.links = Array.from({ length: options.controlPlanes }, () => new FlakyLink(slowMs));
  }

  get isUp(): boolean {
    return this.#process !== undefined;
  }

  get tlsPort(): number {
    return this.#last?.tlsPort ?? 0;
  }

  /** The serving process under the supervisor, if it is there now. */
  get servingPid(): number | undefined {
    const pid = this.#process?.pid;
    if (pid === undefined) return undefined;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
    return children === '' ? undefined : Number(children.split(' ')[0]);
  }

  /** @param plane which of the control planes is at its other end. */
  setLink(plane: number, mode: LinkMode): void {
    const link = this.links[plane];
    if (link !== undefined) link.mode = mode;
  }

  /** @param joinToken for the first time. */
  async start(joinToken?: string): Promise<void> {
    if (this.#process !== undefined) return;
    const { name, dataDir, workers } = this.#options;
    const addresses = await Promise.all(this.links.map((link) => link.listen()));
    const engine = pathToFileURL(builtFile('test/fleet/chaos/processes/poison-engine.js')).href;
    const node = await GatewayProcess.start({
      command: 'data-plane',
      dataDir,
      flags: [
        ...['--control-planes', addresses.map(({ port }) => `127.0.0.1:${port}`).join(',')],
        ...[
          '--node-name',
          name,
          '--workers',
          String(workers),
          '--node-status-listen',
          '127.0.0.1:0',
        ],
        ...this.#ports,
      ],
      env: {
        NODE_OPTIONS: `--import ${engine}`,
        ...(joinToken === undefined ? {} : { SIGNET_JOIN_TOKEN: joinToken }),
      },
    });
    this.#process = node;
    this.#last = node;
    this.#ports = [
      ...['--proxy-listen', `127.0.0.1:${node.httpPort}`],
      ...['--proxy-listen-ssl', `127.0.0.1:${node.tlsPort}`],
    ];
  }

  /** SIGKILL of the supervisor; the serving process ends with it. */
  async kill(): Promise<void> {
    const node = this.#process;
    if (node === undefined) return;
    this.#disturb();
    const serving = this.servingPid;
    this.#process = undefined;
    // A stopped one would not notice that its supervisor is gone, and keep the ports.
    if (serving !== undefined) signal(serving, 'SIGCONT');
    await node.kill();
    // The next one needs its ports.
    while (serving !== undefined && isRunning(serving)) await delay(2);
  }

  /** SIGKILL of the serving process; the supervisor starts another. */
  killServing(): void {
    const pid = this.servingPid;
    if (pid === undefined) return;
    this.#disturb();
    process.kill(pid, 'SIGKILL');
  }

  /** Stops the clock of the supervisor, or of the serving process, for a while. */
  async pause(which: 'supervisor' | 'serving', ms: number): Promise<void> {
    const pid = which === 'serving' ? this.servingPid : this.#process?.pid;
    if (pid === undefined) return;
    await pauseProcess(pid, ms);
  }

  /** Damages the store of a node that is down: a part is overwritten, or the end is missing. */
  tear(): void {
    const { dataDir, random } = this.#options;
    this.isTorn = true;
    const path = join(dataDir, 'node-store.sqlite');
    const { size } = statSync(path);
    if (random() < 0.3) {
      truncateSync(path, integer(random, size));
      return;
    }
    const length = 1 + integer(random, 3000);
    const file = openSync(path, 'r+');
    writeSync(file, Buffer.alloc(length, 0xa5), 0, length, integer(random, Math.max(1, size)));
    closeSync(file);
  }

  /** A second client with the node's identity, for a moment: a copied data directory, or a late death. */
  async connectTwice(): Promise<void> {
    const { dataDir, random, name } = this.#options;
    const identity = await readIdentity(dataDir);
    if (identity === undefined) throw new Error(`${name} has not joined`);
    const double = connectToControlPlane(
      {
        addresses: await Promise.all(this.links.map((link) => link.listen())),
        dataDirectory: dataDir,
        identity,
        nodeName: name,
        version: 'chaos',
        pluginsAvailable: ['ssl'],
        health: () => ({ workers: 1, workersWanted: 1, ready: true }),
        clock: Date.now,
        logger: silentLogger,
        random,
      },
      {
        logId: undefined,
        revision: undefined,
        served: () => Promise.resolve(undefined),
        apply: () => new Promise(() => {}),
      },
    );
    await delay(integer(random, 100));
    await double.close();
  }

  /** What its own status says that it holds. */
  async held(): Promise<{ readonly revision?: number; readonly digest?: string }> {
    const answer = await fetch(`${this.#process?.statusUrl}/status`);
    return (await answer.json()) as { revision?: number; digest?: string };
  }

  async close(): Promise<void> {
    await this.kill();
    for (const link of this.links) link.close();
  }

  #disturb(): void {
    this.disturbances += 1;
    this.isDisturbed = true;
  }
}

/** Its clock jumps, as far as it can tell. */
export async function pauseProcess(pid: number, ms: number): Promise<void> {
  signal(pid, 'SIGSTOP');
  await delay(ms);
  signal(pid, 'SIGCONT');
}

function signal(pid: number, name: 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // Killed meanwhile, by another fault.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
