import { X509Certificate } from 'node:crypto';
import { AdminClient, idOf } from '../../../support/admin-client.js';
import { EventStoreDouble } from '../../../support/eventstore-double.js';
import { eventually } from '../../../support/eventually.js';
import { GatewayProcess } from '../../../support/gateway-process.js';
import { oneOf, type Random } from '../../../support/random.js';
import { ScratchDirectory } from '../../../support/scratch-directory.js';
import { shownLeaf } from '../../../support/shown-leaf.js';
import { CertificateHistory, type Upload } from './certificate-history.js';
import { ProcessNode } from './process-node.js';

export interface ProcessFleetOptions {
  readonly nodes: number;
  readonly hosts: number;
  readonly random: Random;
}

const controlPlanes = 2;
const slow = { withinMs: 20_000 };

/** Two control planes over one log and nodes behind flaky links, each a process that can be killed. */
export class ProcessFleet {
  readonly nodes: ProcessNode[] = [];
  readonly history: CertificateHistory;
  readonly #options: ProcessFleetOptions;
  readonly #directory = new ScratchDirectory();
  readonly #planes: (GatewayProcess | undefined)[] = [];
  readonly #starting = new Map<number, Promise<void>>();
  readonly #pluginIds = new Map<string, string>();
  #log: EventStoreDouble | undefined;

  static async start(options: ProcessFleetOptions): Promise<ProcessFleet> {
    const fleet = new ProcessFleet(options, await CertificateHistory.create(options.hosts));
    try {
      await fleet.#start();
    } catch (error) {
      await fleet.close();
      throw error;
    }
    return fleet;
  }

  private constructor(options: ProcessFleetOptions, history: CertificateHistory) {
    this.#options = options;
    this.history = history;
  }

  /** Of a control plane that is up; `undefined` if none is. */
  get admin(): AdminClient | undefined {
    const up = this.#planes.filter((plane) => plane !== undefined);
    return up.length === 0 ? undefined : new AdminClient(oneOf(this.#options.random, up).adminUrl);
  }

  planePid(index: number): number | undefined {
    return this.#planes[index]?.pid;
  }

  async killPlane(index: number): Promise<void> {
    const plane = this.#planes[index];
    this.#planes[index] = undefined;
    await plane?.kill();
  }

  /** One at a time: a second kill may come while it starts. */
  async startPlane(index: number): Promise<void> {
    const starting = this.#starting.get(index) ?? this.#startPlane(index);
    this.#starting.set(index, starting);
    await starting.finally(() => this.#starting.delete(index));
  }

  async #startPlane(index: number): Promise<void> {
    if (this.#planes[index] !== undefined) return;
    const shared = this.#directory.path('shared');
    const plane = await GatewayProcess.start({
      command: 'control-plane',
      dataDir: this.#directory.path(`control-plane-${index}`),
      flags: ['--cluster-ca-dir', shared],
      env: {
        SIGNET_EVENT_LOG: this.#log?.connectionString ?? '',
        SIGNET_MASTER_KEY: 'env:CHAOS_MASTER_KEY',
        CHAOS_MASTER_KEY: Buffer.alloc(32, 1).toString('base64'),
      },
    });
    this.#planes[index] = plane;
    for (const node of this.nodes) {
      const link = node.links[index];
      if (link) link.target = plane.nodePort;
    }
  }

  /** Gives a host another certificate. Whether it was recorded may stay open: the control plane may die. */
  async upload(host: string, options: { readonly isPoison?: boolean } = {}): Promise<Upload> {
    const upload = await this.history.next(host, options);
    const pluginId = this.#pluginIds.get(host);
    try {
      const answer =
        pluginId === undefined
          ? await this.admin?.bind(host, upload.certificate)
          : await this.admin?.rebind(host, pluginId, upload.certificate);
      if (answer === undefined || answer.status >= 500) return upload;
      if (answer.status >= 300) throw new Error(`upload: ${JSON.stringify(answer)}`);
      if (pluginId === undefined) this.#pluginIds.set(host, idOf(answer));
      upload.revision = Number(answer.headers.get('signet-revision'));
    } catch (error) {
      // `fetch` says so of a connection that breaks off.
      if (!(error instanceof TypeError)) throw error;
    }
    return upload;
  }

  /** The certificate that a host is bound to, by what a control plane answers. */
  async boundTo(host: string): Promise<Upload | undefined> {
    const answer = await this.#someAdmin().send('GET', `/apis/${host}/plugins`);
    // As Kong answers it.
    const { data } = answer.body as { data: readonly { config: { cert: string } }[] };
    const leaf = new X509Certificate(data[0]?.config.cert ?? '');
    return this.history.byFingerprint(host, leaf.fingerprint256.replaceAll(':', '').toLowerCase());
  }

  mendLinks(): void {
    for (const link of this.nodes.flatMap((node) => node.links)) link.mode = 'pass';
  }

  /** Everything up again, every link whole. */
  async heal(): Promise<void> {
    this.mendLinks();
    await Promise.all([
      ...[...this.#planes.keys()].map((index) => this.startPlane(index)),
      ...this.nodes.map((node) => node.start()),
    ]);
    // A serving process that was killed is started by its supervisor.
    await Promise.all(
      this.nodes.map((node) => eventually(() => shownLeaf(node.tlsPort, 'any.test'), slow)),
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
    await Promise.all([...this.#planes.keys()].map((index) => this.killPlane(index)));
    this.#log?.stop();
    await this.#directory.remove();
  }

  async #start(): Promise<void> {
    const { nodes, random } = this.#options;
    this.#log = await EventStoreDouble.start();
    for (let n = 0; n < nodes; n += 1) {
      const name = `node-${n}`;
      const dataDir = this.#directory.path(name);
      // One serves in the thread of its acceptors, the other in threads of their own.
      const workers = 1 + (n % 2);
      this.nodes.push(new ProcessNode({ name, dataDir, controlPlanes, workers, random }));
    }
    this.#planes.push(...Array.from({ length: controlPlanes }, () => undefined));
    await Promise.all([...this.#planes.keys()].map((index) => this.startPlane(index)));
    for (const host of this.history.hosts) {
      await this.admin?.addApi(host, host, 'http://127.0.0.1:9');
    }
    await Promise.all(this.nodes.map(async (node) => node.start(await this.#joinToken())));
    for (const host of this.history.hosts) await this.upload(host);
  }

  async #joinToken(): Promise<string> {
    const answer = await this.#someAdmin().send(
      'POST',
      '/nodes/join-tokens',
      new URLSearchParams(),
    );
    // As the admin API answers it.
    return (answer.body as { readonly token: string }).token;
  }

  #someAdmin(): AdminClient {
    if (this.admin === undefined) throw new Error('no control plane is up');
    return this.admin;
  }
}
