import { join } from 'node:path';
import { loadMasterKeys } from '../../../control-plane/adapters/master-key.js';
import { SqliteEventLog } from '../../../control-plane/adapters/sqlite-event-log.js';
import { SqliteKeyVault } from '../../../control-plane/adapters/sqlite-key-vault.js';
import type { CommandHandler } from '../../../control-plane/application/command-handler.js';
import type { Command } from '../../../control-plane/domain/commands.js';
import type { GatewayState } from '../../../control-plane/domain/state.js';
import { joinCluster } from '../../../data-plane/snapshot/join-cluster.js';
import type { CertificateId } from '../../../shared/gateway-model.js';
import { startControlPlane } from '../../support/control-plane.js';
import {
  apiId,
  certificate,
  certificateId,
  createdAt,
  type keyId,
  pluginId,
  pluginSettings,
  settings,
} from '../../support/gateway-fixtures.js';
import { integer, oneOf, type Random, seededRandom } from '../../support/random.js';
import { feedFrom, type TestControlPlane } from '../test-cluster.js';
import { ChaosNode } from './chaos-node.js';

export interface ChaosClusterOptions {
  readonly directory: string;
  readonly nodes: number;
  readonly hosts: number;
  readonly random: Random;
}

interface RunningPlane {
  readonly plane: Awaited<ReturnType<typeof feedFrom>>;
  readonly handler: CommandHandler;
  readonly state: () => GatewayState;
  readonly close: () => Promise<void>;
}

const actor = { actor: 'chaos', correlationId: 'chaos' };

/** A control plane over its real log and vault, and nodes with real stores, behind flaky links. */
export class ChaosCluster {
  readonly nodes: ChaosNode[] = [];
  readonly poison = new Set<CertificateId>();
  /** The certificate that each host was bound to by the last acknowledged write. */
  readonly acknowledged = new Map<string, CertificateId>();
  readonly #options: ChaosClusterOptions;
  #plane: RunningPlane | undefined;
  #serial = 0;

  constructor(options: ChaosClusterOptions) {
    this.#options = options;
  }

  get hosts(): readonly string[] {
    return Array.from({ length: this.#options.hosts }, (_, n) => `host-${n}.test`);
  }

  get plane(): Pick<TestControlPlane, 'feed' | 'registry' | 'clock'> {
    return this.#running.plane;
  }

  get state(): GatewayState {
    return this.#running.state();
  }

  async start(): Promise<void> {
    await this.startPlane();
    await this.#write({ type: 'CreateLog', logId: '33333333-3333-4333-8333-333333333333' });
    for (let n = 0; n < this.#options.hosts; n += 1) {
      await this.#write({ type: 'AddApi', id: apiId(n), createdAt, settings: settings(n) });
      await this.upload(n);
    }
    for (let n = 0; n < this.#options.nodes; n += 1) await this.#addNode(`node-${n}`);
  }

  /** Gives a host a new certificate; resolves when the control plane has acknowledged the write. */
  async upload(n = integer(this.#options.random, this.#options.hosts)): Promise<CertificateId> {
    this.#serial += 1;
    const uploaded = certificate(this.#serial);
    const keys = new Map([[uploaded.keyId, { kind: 'pem', keyPem: 'a key' } as const]]);
    const isBound = this.state.plugins.has(pluginId(n));
    const command: Command = isBound
      ? {
          type: 'ChangePlugin',
          id: pluginId(n),
          changes: {},
          certificate: { kind: 'upload', certificate: uploaded },
        }
      : {
          type: 'AddPlugin',
          id: pluginId(n),
          createdAt,
          apiId: apiId(n),
          settings: pluginSettings,
          certificate: uploaded,
        };
    await this.#write(command, keys);
    this.acknowledged.set(`host-${n}.test`, uploaded.id);
    return uploaded.id;
  }

  /** An upload that no node can load. */
  async uploadPoison(): Promise<void> {
    this.poison.add(certificateId(this.#serial + 1));
    await this.upload();
  }

  get someNode(): ChaosNode {
    return oneOf(this.#options.random, this.nodes);
  }

  async killPlane(): Promise<void> {
    const running = this.#plane;
    this.#plane = undefined;
    await running?.close();
  }

  async startPlane(): Promise<void> {
    if (this.#plane) return;
    const { directory } = this.#options;
    const masterKeys = await loadMasterKeys({ kind: 'file', path: join(directory, 'master.key') });
    const log = new SqliteEventLog({ path: join(directory, 'events.sqlite') });
    const vault = new SqliteKeyVault({ path: join(directory, 'keys.sqlite'), masterKeys });
    const { folded, handler } = await startControlPlane({ log, vault });
    const plane = await feedFrom({ folded, vault, handler }, { directory, keepAliveMs: 200 });
    this.#plane = {
      plane,
      handler,
      state: () => folded.state,
      async close() {
        await plane.close();
        await log.close();
        await vault.close();
      },
    };
    for (const node of this.nodes) node.wire.target = plane.server.port;
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
    await this.killPlane();
  }

  get #running(): RunningPlane {
    if (this.#plane === undefined) throw new Error('the control plane is down');
    return this.#plane;
  }

  async #write(
    command: Command,
    keys?: ReadonlyMap<ReturnType<typeof keyId>, { readonly kind: 'pem'; readonly keyPem: string }>,
  ): Promise<void> {
    const outcome = await this.#running.handler.execute(command, {
      ...actor,
      ...(keys && { keys }),
    });
    if (outcome.status !== 'recorded') throw new Error(`${command.type} was not recorded`);
  }

  async #addNode(name: string): Promise<void> {
    const { directory } = this.#options;
    const { plane } = this.#running;
    const dataDirectory = join(directory, name);
    const addresses = [plane.address];
    await joinCluster({ dataDirectory, addresses, token: await plane.token(), nodeName: name });
    const node = new ChaosNode({
      name,
      dataDirectory,
      hosts: this.hosts,
      poison: this.poison,
      random: seededRandom(integer(this.#options.random, 2 ** 31)),
      // Serials stand in the ids, at a fixed width.
      isOlder: (left, right) => left < right,
    });
    this.nodes.push(node);
    node.wire.target = plane.server.port;
    await node.start();
  }
}
