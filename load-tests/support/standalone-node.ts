import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDefaultCertificate } from '../../data-plane/listener/default-certificate.js';
import type { ServingSettings } from '../../data-plane/serving/messages.js';
import type { NodeStoreWriter } from '../../data-plane/store/node-store.js';
import { openNodeStoreWriter } from '../../data-plane/store/open-node-store.js';
import { Supervisor } from '../../data-plane/supervisor.js';
import { createLogger } from '../../shared/create-logger.js';
import type { ApiId, PluginId } from '../../shared/gateway-model.js';
import { revision } from '../../shared/revision.js';
import type { ServedCertificate, SnapshotEntry } from '../../shared/snapshot.js';

const logId = '22222222-2222-4222-8222-222222222222';

/** A data-plane node without a control plane: its store is written here. */
export class StandaloneNode {
  /** Where its store lies. */
  readonly directory = mkdtempSync(join(tmpdir(), 'signet-load-'));
  readonly #store: NodeStoreWriter;
  #supervisor: Supervisor | undefined;
  #revision: number | 'empty' = 'empty';
  port = 0;

  constructor() {
    this.#store = openNodeStoreWriter({ dataDirectory: this.directory }, logger);
  }

  async start(settings: Partial<ServingSettings> = {}, processes = 1): Promise<void> {
    this.#supervisor = new Supervisor({
      settings: {
        dataDirectory: this.directory,
        http: { host: '127.0.0.1', port: 0 },
        https: { host: '127.0.0.1', port: 0 },
        workers: 1,
        defaultCertificate: await createDefaultCertificate(new Date()),
        cipherPolicy: 'intermediate',
        unknownServerName: 'default',
        drainTimeoutMs: 5_000,
        contextBudget: 4096,
        gateway: { product: 'signet/load', limits: {}, verifyUpstreamTls: true, trustedIps: [] },
        logLevel: 'warn',
        ...settings,
      },
      processes,
      logger,
    });
    this.port = (await this.#supervisor.start()).https.port;
  }

  get supervisor(): Supervisor {
    if (this.#supervisor === undefined) throw new Error('not started');
    return this.#supervisor;
  }

  /** The serving process whose CPU time and memory count. */
  get servingPid(): number {
    const [pid] = this.supervisor.pids;
    if (pid === undefined) throw new Error('no serving process');
    return pid;
  }

  /** Binds hosts to certificates in one revision; resolves when all workers serve it. */
  async bind(bindings: Iterable<HostBinding>): Promise<void> {
    const upserts = [...bindings].flatMap(entriesOf);
    const from = this.#revision === 'empty' ? this.#revision : revision(this.#revision);
    const to = revision(this.#revision === 'empty' ? 0 : this.#revision + 1);
    const changes = this.#store.apply({ logId, from, to, upserts, removals: [] });
    this.#revision = to;
    const rejections = (await this.#supervisor?.applied(changes)) ?? [];
    if (rejections.length > 0) throw new Error(`rejected: ${JSON.stringify(rejections)}`);
    this.#store.settle(to, []);
  }

  /** Another process takes over what was written. */
  closeStore(): void {
    this.#store.close();
  }

  async stop(): Promise<void> {
    await this.#supervisor?.stop();
    this.#store.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export interface HostBinding {
  /** Names the API and its plugin. */
  readonly n: number;
  readonly host: string;
  readonly certificate: ServedCertificate;
}

/** Requests for these hosts would go to a port where nothing listens: the figures are the listener's. */
const nowhere = 'http://127.0.0.1:9';
const logger = createLogger({ level: 'warn', role: 'load-test' });

function entriesOf({ n, host, certificate }: HostBinding): SnapshotEntry[] {
  const id = (kind: string) =>
    `${kind.repeat(8)}-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
  const apiId = id('a') as ApiId; // ids as parsers would make them
  return [
    {
      kind: 'api',
      value: {
        id: apiId,
        createdAt: 0,
        name: `api-${n}`,
        requestHost: host,
        upstreamUrl: nowhere,
        stripRequestPath: false,
        preserveHost: false,
      },
    },
    { kind: 'certificate', value: certificate },
    {
      kind: 'plugin',
      value: {
        id: id('b') as PluginId,
        name: 'ssl',
        apiId,
        createdAt: 0,
        enabled: true,
        config: {
          certificateId: certificate.id,
          onlyHttps: false,
          acceptHttpIfAlreadyTerminated: false,
        },
      },
    },
  ];
}
