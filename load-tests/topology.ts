import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AdminClient } from '../test/support/admin-client.js';
import { GatewayProcess } from '../test/support/gateway-process.js';
import { Balancer } from './balancer.js';

export interface TopologyOptions {
  /** Gives each process, by its name, a data directory that exists. */
  readonly directory: (name: string) => string;
  readonly nodes: number;
  /** `esdb://…`: two control planes share it. Absent: one, with the embedded log. */
  readonly eventLog?: string;
  /** For every process. */
  readonly flags?: readonly string[];
  /** Ports of the balancer; 0 lets the system choose. */
  readonly balancerPorts: { readonly http: number; readonly https: number };
}

/** What `docker-compose.yml` starts in containers, as processes on loopback. */
export class Topology {
  readonly controlPlanes: GatewayProcess[] = [];
  readonly nodes: GatewayProcess[] = [];
  readonly #options: TopologyOptions;
  readonly #balancers: Balancer[] = [];
  #ports = { http: 0, https: 0 };

  constructor(options: TopologyOptions) {
    this.#options = options;
  }

  get balancerPorts(): { readonly http: number; readonly https: number } {
    return this.#ports;
  }

  admin(controlPlane = 0): AdminClient {
    return new AdminClient(this.#plane(controlPlane).adminUrl);
  }

  async start(): Promise<void> {
    const { eventLog, nodes, balancerPorts } = this.#options;
    const shared = this.#options.directory('shared');
    const masterKey = join(shared, 'master.key');
    // One that is there opens the keys of an earlier run.
    if (!existsSync(masterKey)) {
      writeFileSync(masterKey, randomBytes(32).toString('base64'), { mode: 0o600 });
    }
    const planes = eventLog === undefined ? [0] : [0, 1];
    // All are waited for, so that `close` finds whichever has started.
    const started = await Promise.allSettled(
      planes.map((index) => this.#startControlPlane(index, shared)),
    );
    for (const outcome of started) {
      if (outcome.status === 'fulfilled') this.controlPlanes.push(outcome.value);
    }
    for (const outcome of started) if (outcome.status === 'rejected') throw outcome.reason;
    for (let index = 0; index < nodes; index++) await this.startNode(index);
    const balancer = async (ports: readonly number[], port: number) => {
      const created = new Balancer(ports);
      this.#balancers.push(created);
      return created.listen(port);
    };
    this.#ports = {
      http: await balancer(
        this.nodes.map((node) => node.httpPort),
        balancerPorts.http,
      ),
      https: await balancer(
        this.nodes.map((node) => node.tlsPort),
        balancerPorts.https,
      ),
    };
  }

  /** Also starts a node again that has ended, on the ports that it had. */
  async startNode(index: number): Promise<GatewayProcess> {
    const before = this.nodes[index];
    const addresses = this.controlPlanes.map((plane) => `127.0.0.1:${plane.nodePort}`);
    const node = await GatewayProcess.start({
      command: 'data-plane',
      dataDir: this.#options.directory(`node-${index + 1}`),
      flags: [
        ...['--control-planes', addresses.join(','), '--node-name', `node-${index + 1}`],
        ...['--node-status-listen', '127.0.0.1:0'],
        ...(before ? ['--proxy-listen', `127.0.0.1:${before.httpPort}`] : []),
        ...(before ? ['--proxy-listen-ssl', `127.0.0.1:${before.tlsPort}`] : []),
        ...(this.#options.flags ?? []),
      ],
      env: before ? {} : { SIGNET_JOIN_TOKEN: await this.#joinToken() },
    });
    this.nodes[index] = node;
    return node;
  }

  async close(end: 'stop' | 'kill'): Promise<void> {
    for (const balancer of this.#balancers) balancer.close();
    await Promise.all(this.nodes.map((node) => node[end]()));
    await Promise.all(this.controlPlanes.map((plane) => plane[end]()));
  }

  #startControlPlane(index: number, shared: string): Promise<GatewayProcess> {
    const { eventLog, flags = [], directory } = this.#options;
    return GatewayProcess.start({
      command: 'control-plane',
      dataDir: directory(`control-plane-${index + 1}`),
      flags: [
        ...['--master-key', `file:${join(shared, 'master.key')}`],
        ...['--cluster-ca-dir', join(shared, 'cluster-ca')],
        ...flags,
      ],
      env: eventLog === undefined ? {} : { SIGNET_EVENT_LOG: eventLog },
    });
  }

  async #joinToken(): Promise<string> {
    const answer = await this.admin().send('POST', '/nodes/join-tokens', new URLSearchParams());
    // As the admin API answers it.
    return (answer.body as { readonly token: string }).token;
  }

  #plane(index: number): GatewayProcess {
    const plane = this.controlPlanes[index];
    if (plane === undefined) throw new RangeError(`there is no control plane ${index}`);
    return plane;
  }
}
