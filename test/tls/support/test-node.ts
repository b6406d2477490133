import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { createDefaultCertificate } from '../../../data-plane/listener/default-certificate.js';
import type { ServingSettings } from '../../../data-plane/serving/messages.js';
import type { AppliedChanges, NodeStoreWriter } from '../../../data-plane/store/node-store.js';
import { openNodeStoreWriter } from '../../../data-plane/store/open-node-store.js';
import type { Supervisor as SupervisorClass } from '../../../data-plane/supervisor.js';
import { createLogger } from '../../../shared/create-logger.js';
import type {
  RejectedEntry,
  ServedCertificate,
  SnapshotEntry,
  SnapshotEntryKey,
} from '../../../shared/snapshot.js';
import { apiEntry, apiKey, delta, pluginEntry, pluginKey } from '../../fleet/snapshot-fixtures.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';
import { Supervisor } from './built.js';

export interface TestNodeOptions {
  readonly settings?: Partial<ServingSettings>;
  readonly processes?: number;
  readonly httpPort?: number;
  readonly silenceTimeoutMs?: number;
}

/** A whole node without its stream: a store that the test writes, and a supervisor that serves it. */
export class TestNode {
  readonly store: NodeStoreWriter;
  readonly supervisor: SupervisorClass;
  readonly upstream: Server;
  httpPort = 0;
  httpsPort = 0;
  readonly #upstreamUrl: string;
  #revision: number | 'empty' = 'empty';
  #isStopped = false;

  static async start(options: TestNodeOptions = {}): Promise<TestNode> {
    const node = await TestNode.create(options);
    await node.listen();
    return node;
  }

  /** Everything but started. */
  static async create(options: TestNodeOptions = {}): Promise<TestNode> {
    const dataDirectory = await temporaryDirectory();
    const upstream = createServer((request, response) => {
      const wait = Number(request.headers['x-wait-ms'] ?? 0);
      setTimeout(() => response.end(`hello ${request.headers.host}`), wait);
    });
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    const logger = createLogger({ level: logLevel, role: 'test' });
    const supervisor = new Supervisor({
      settings: {
        dataDirectory,
        http: { host: '127.0.0.1', port: options.httpPort ?? 0 },
        https: { host: '127.0.0.1', port: 0 },
        workers: 2,
        defaultCertificate: await createDefaultCertificate(new Date()),
        cipherPolicy: 'intermediate',
        unknownServerName: 'default',
        drainTimeoutMs: 10_000,
        contextBudget: 4096,
        gateway: {
          product: 'signet/test',
          limits: {},
          verifyUpstreamTls: true,
          trustedIps: [],
          refuseMisdirected: false,
        },
        logLevel,
        ...options.settings,
      },
      processes: options.processes ?? 1,
      ...(options.silenceTimeoutMs !== undefined && {
        silenceTimeoutMs: options.silenceTimeoutMs,
      }),
      logger,
    });
    const store = openNodeStoreWriter({ dataDirectory }, logger);
    const node = new TestNode(store, supervisor, upstream);
    onTestFinished(() => node.stop());
    return node;
  }

  private constructor(store: NodeStoreWriter, supervisor: SupervisorClass, upstream: Server) {
    this.store = store;
    this.supervisor = supervisor;
    this.upstream = upstream;
    this.#upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  }

  async listen(): Promise<void> {
    const { http, https } = await this.supervisor.start();
    this.httpPort = http.port;
    this.httpsPort = https.port;
  }

  /** An API for a host, with or without a certificate. `n` names both and the plugin. */
  binding(n: number, requestHost: string, certificate?: ServedCertificate): SnapshotEntry[] {
    const api = apiEntry(n, { requestHost, upstreamUrl: this.#upstreamUrl });
    if (certificate === undefined) return [api];
    const plugin = pluginEntry(n, n, 0);
    if (plugin.kind !== 'plugin') throw new Error('a plugin was expected');
    const config = { ...plugin.value.config, certificateId: certificate.id };
    return [
      api,
      { kind: 'certificate', value: certificate },
      { kind: 'plugin', value: { ...plugin.value, config } },
    ];
  }

  /** Binds one certificate; resolves when every worker serves it. */
  bind(n: number, requestHost: string, certificate?: ServedCertificate): Promise<RejectedEntry[]> {
    return this.apply(this.binding(n, requestHost, certificate));
  }

  /** Takes an API's plugin away. */
  unbind(n: number): Promise<RejectedEntry[]> {
    return this.apply([], [pluginKey(n)]);
  }

  removeApi(n: number): Promise<RejectedEntry[]> {
    return this.apply([], [pluginKey(n), apiKey(n)]);
  }

  async apply(
    upserts: readonly SnapshotEntry[],
    removals: readonly SnapshotEntryKey[] = [],
  ): Promise<RejectedEntry[]> {
    return this.prove(this.commit(upserts, removals));
  }

  /** The store's part of `apply`: nobody has told the serving processes yet. */
  commit(
    upserts: readonly SnapshotEntry[],
    removals: readonly SnapshotEntryKey[] = [],
  ): AppliedChanges {
    const to = this.#revision === 'empty' ? 0 : this.#revision + 1;
    const changes = this.store.apply(delta(this.#revision, to, upserts, removals));
    this.#revision = to;
    return changes;
  }

  /** The rest of it. */
  async prove(changes: AppliedChanges): Promise<RejectedEntry[]> {
    const rejections = await this.supervisor.applied(changes);
    const { revision } = changes;
    this.store.settle({ revision, keepLastGood: rejections.flatMap(({ hosts }) => hosts) });
    return rejections;
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    await this.supervisor.stop();
    this.store.close();
    this.upstream.closeAllConnections();
    await new Promise((resolve) => this.upstream.close(resolve));
  }
}

/** SIGNET_TEST_LOG=debug shows what the processes say. */
const logLevel = process.env['SIGNET_TEST_LOG'] === 'debug' ? 'debug' : 'silent';
