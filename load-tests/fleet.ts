import { AdminClient } from '../test/support/admin-client.js';
import { GatewayProcess } from '../test/support/gateway-process.js';
import { ScratchDirectory } from '../test/support/scratch-directory.js';
import { childrenOf, processCpuUs } from './support/process-cpu.js';

/** CPU time that the fleet's processes have used so far, in microseconds. */
export interface FleetCpu {
  readonly controlPlane: number;
  /** Of all nodes together, as the next. */
  readonly supervisors: number;
  readonly serving: number;
}

/** The built gateway as processes on loopback: an all-in-one, and more nodes where asked for. */
export class LoopbackFleet {
  readonly #directory = new ScratchDirectory();
  readonly #nodes: GatewayProcess[] = [];
  #gateway: GatewayProcess | undefined;

  /** @param nodes how many data-plane nodes in all, the all-in-one's own included. */
  async start(nodes: number, flags: readonly string[]): Promise<void> {
    this.#gateway = await GatewayProcess.start({ dataDir: this.#directory.path('data'), flags });
    for (let index = 1; index < nodes; index++) {
      const node = await GatewayProcess.start({
        command: 'data-plane',
        dataDir: this.#directory.path(`node-${index}`),
        flags: ['--control-planes', `127.0.0.1:${this.gateway.nodePort}`, ...flags],
        env: { SIGNET_JOIN_TOKEN: await this.joinToken() },
      });
      this.#nodes.push(node);
    }
  }

  /** Good for one more node. */
  async joinToken(): Promise<string> {
    const answer = await this.admin.send('POST', '/nodes/join-tokens', new URLSearchParams());
    // As the admin API answers it.
    return (answer.body as { readonly token: string }).token;
  }

  get gateway(): GatewayProcess {
    if (this.#gateway === undefined) throw new Error('the fleet was not started');
    return this.#gateway;
  }
  get admin(): AdminClient {
    return new AdminClient(this.gateway.adminUrl);
  }
  /** TLS ports of all nodes, the all-in-one's first. */
  get tlsPorts(): readonly number[] {
    return [this.gateway, ...this.#nodes].map((node) => node.tlsPort);
  }

  cpuUs(): FleetCpu {
    const supervisors = [...childrenOf(this.gateway.pid), ...this.#nodes.map((node) => node.pid)];
    return {
      controlPlane: processCpuUs(this.gateway.pid),
      supervisors: sum(supervisors),
      serving: sum(supervisors.flatMap(childrenOf)),
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.kill()));
    await this.#gateway?.kill();
    await this.#directory.remove();
  }
}

function sum(pids: readonly number[]): number {
  return pids.reduce((total, pid) => total + processCpuUs(pid), 0);
}
