import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createLogger, type RootLogger } from '../../shared/create-logger.js';
import type { RejectedEntry } from '../../shared/snapshot.js';
import { FileAccessLog } from '../access-log/file-access-log.js';
import { openFiles } from '../kernel-settings.js';
import { CertificateSource } from '../listener/certificate-source.js';
import { tls12Ciphers } from '../listener/cipher-policy.js';
import { ConnectionLimit, connectionsPerWorker } from '../listener/connection-limit.js';
import { handOversDone } from '../listener/engine.js';
import type { NameCounters } from '../listener/generation.js';
import { HttpListener } from '../listener/http-listener.js';
import { KeyFile } from '../listener/key-file.js';
import { TlsListener } from '../listener/tls-listener.js';
import { RequestMeter } from '../metrics/request-meter.js';
import { Gateway, type ProxyCounters } from '../proxy/gateway.js';
import { trustOnly } from '../proxy/trusted-proxies.js';
import { RouteTable } from '../routing/route-table.js';
import type { AppliedChanges, NodeStoreReader } from '../store/node-store.js';
import { openNodeStoreReader } from '../store/open-node-store-reader.js';
import type { WorkerCommand, WorkerReport, WorkerTask } from './messages.js';
import { servingLogFd } from './printed-lines.js';
import type { ServingStats } from './serving-stats.js';

/** A start waits for so many proofs, about a millisecond each. */
const maxProvedAtStart = 100;
/** Contexts for names that a client wrote with capitals, in one generation. */
const spellingBudget = 64;
/** A drain ends before its deadline if no request was under way for this long. */
const quietMs = 3_000;
const drainCheckMs = 25;
/**
 * Idle, its timer takes 0.2 % of a core. At 100 ms it would take 0.06 %, and see one in four stalls of 30 ms,
 * and half of what one of 120 ms lasts.
 */
const loopDelayResolutionMs = 20;
/** For WebSocket clients to read that the gateway goes: a socket cut at once may lose it. */
const goodbyeMs = 250;

/** One worker thread: its view of the node's store, its gateway, its two listeners. */
export class ServingWorker {
  readonly #task: WorkerTask;
  readonly #logger: RootLogger;
  readonly #store: NodeStoreReader;
  readonly #routes: RouteTable;
  readonly #source: CertificateSource;
  readonly #accessLog: FileAccessLog | undefined;
  readonly #gateway: Gateway;
  readonly #keyFile = new KeyFile();
  readonly #limit: ConnectionLimit;
  readonly #tls: TlsListener;
  readonly #http: HttpListener;
  readonly #counters: ProxyCounters = {
    requestsTotal: 0,
    requestsActive: 0,
    upstreamFailures: 0,
    endpointEjections: 0,
    endpointsEjected: 0,
    clientAborts: 0,
  };
  readonly #names: NameCounters = { namesUnknown: 0, namesUnusable: 0, namesFailed: 0 };
  readonly #meter = new RequestMeter();
  readonly #loopDelay = monitorEventLoopDelay({ resolution: loopDelayResolutionMs });
  readonly #swaps: (() => void)[] = [];
  #isDraining = false;

  constructor(task: WorkerTask) {
    const { settings } = task;
    this.#task = task;
    this.#logger = createLogger({
      ...{ level: settings.logLevel, role: `worker ${task.name}`, fd: servingLogFd },
    });
    this.#store = openNodeStoreReader({ dataDirectory: settings.dataDirectory });
    // Rotations look at every host once: what is kept of them is to be what is hot.
    this.#routes = new RouteTable(this.#store, { maxCachedHosts: settings.contextBudget });
    this.#source = new CertificateSource(this.#store, this.#routes);
    for (const rejection of settings.rejected) this.#source.reject(rejection);
    const { accessLog } = settings.gateway;
    this.#accessLog = accessLog && new FileAccessLog(accessLog, this.#logger);
    this.#gateway = this.#createGateway();
    const { maxConnections = connectionsPerWorker(openFiles(), settings.workers) } = settings;
    this.#limit = new ConnectionLimit(maxConnections, this.#logger);
    this.#tls = this.#createTlsListener();
    this.#loopDelay.enable();
    this.#http = new HttpListener(this.#gateway, this.#limit, settings.http.port);
    task.port.on('message', (command) => this.#obey(command));
    void this.#start();
  }

  /** Asks to be replaced after a defect: what is under way ends in order, somebody else takes over. */
  failed(error: unknown): void {
    this.#logger.error({ err: error }, 'defect in a worker');
    this.#report({ kind: 'replace-me', reason: 'defect' });
  }

  async #start(): Promise<void> {
    await this.#tls.ready;
    try {
      await this.#proveUnproved();
    } catch (error) {
      this.failed(error);
    }
    const { descriptor } = this.#tls;
    this.#report({ kind: 'ready', http: this.#http.descriptor, https: descriptor });
  }

  /**
   * The process before this one, or the node, may have ended before a certificate was proved, or with its
   * rejection: a client would be the first to find that it can't be loaded.
   */
  async #proveUnproved(): Promise<void> {
    const revision = this.#store.revision();
    const hosts = this.#store.unprovedHosts(maxProvedAtStart);
    if (revision === undefined || hosts.length === 0) return;
    await this.#tls.apply({ revision, hosts, patternsChanged: false });
  }

  #createGateway(): Gateway {
    const { gateway, https } = this.#task.settings;
    const { product, limits, verifyUpstreamTls, trustedIps, refuseMisdirected } = gateway;
    return new Gateway({
      routes: this.#routes,
      logger: this.#logger,
      product,
      limits,
      counters: this.#counters,
      meter: this.#meter,
      isDraining: () => this.#isDraining,
      upstreamTls: { verify: verifyUpstreamTls },
      refuseMisdirected,
      httpsPort: gateway.httpsRedirectPort ?? https.port,
      ...(this.#accessLog !== undefined && { accessLog: this.#accessLog }),
      ...(trustedIps.length > 0 && { trustedProxies: trustOnly(trustedIps) }),
    });
  }

  #createTlsListener(): TlsListener {
    const { settings, name, index } = this.#task;
    const { defaultCertificate, unknownServerName, contextBudget } = settings;
    const showsDefault = unknownServerName === 'default';
    return new TlsListener({
      app: {
        defaultPem: showsDefault
          ? `${defaultCertificate.chainPem}\n${defaultCertificate.keyPem}\n`
          : undefined,
        ciphers: tls12Ciphers(settings.cipherPolicy),
        keyFile: this.#keyFile,
        gateway: this.#gateway,
        limit: this.#limit,
        port: settings.https.port,
      },
      generation: {
        source: this.#source,
        logger: this.#logger,
        counters: this.#names,
        contextBudget,
        spellingBudget,
        enterHandshake: () => this.#gateway.turn.enterRead(),
      },
      probeDirectory: settings.socketDirectory,
      name,
      swap: (add, remove) => this.#swap({ kind: 'swap', add, remove }),
      isChargedWith: (n) => n % settings.workers === index,
      wornOut: () => this.#report({ kind: 'replace-me', reason: 'apps used up' }),
    });
  }

  #obey(command: WorkerCommand): void {
    switch (command.kind) {
      case 'apply':
        void this.#apply(command.id, command.changes);
        return;
      case 'reject':
        for (const rejection of command.rejections) this.#source.reject(rejection);
        return;
      case 'stats':
        this.#report({ kind: 'stats', id: command.id, stats: this.#stats() });
        return;
      case 'log-level':
        this.#logger.level = command.level;
        return;
      case 'swapped':
        this.#swaps.shift()?.();
        return;
      case 'retire':
        void this.#retire();
        return;
      default:
        command satisfies never;
    }
  }

  async #apply(id: number, changes: AppliedChanges): Promise<void> {
    let rejections: readonly RejectedEntry[] = [];
    try {
      this.#routes.refresh(changes);
      if (!this.#isDraining) rejections = await this.#tls.apply(changes);
    } catch (error) {
      // It may serve what was replaced; another worker starts from the store as it is now.
      this.failed(error);
    }
    this.#report({ kind: 'applied', id, rejections });
  }

  /** One by one, in the order they were asked for; after retirement there is nothing to swap. */
  #swap(report: WorkerReport): Promise<void> {
    return new Promise((resolve) => {
      this.#swaps.push(resolve);
      this.#report(report);
    });
  }

  /** The last request's connection closes after its answer; idle ones are cut, clients reconnect. */
  async #retire(): Promise<void> {
    const { drainTimeoutMs } = this.#task.settings;
    this.#isDraining = true;
    this.#tls.startDraining();
    const webSockets = this.#gateway.closeWebSockets();
    if (webSockets > 0) await new Promise((resolve) => setTimeout(resolve, goodbyeMs));
    await handOversDone();
    const deadline = performance.now() + drainTimeoutMs;
    let quietSince = performance.now();
    let lastSeen = '';
    while (this.#connections() > 0 && performance.now() < deadline) {
      const { requestsActive, requestsTotal } = this.#counters;
      const seen = `${requestsTotal} ${this.#tls.stats.accepted} ${this.#http.accepted}`;
      if (requestsActive > 0 || seen !== lastSeen) quietSince = performance.now();
      lastSeen = seen;
      if (performance.now() - quietSince > quietMs) break;
      await new Promise((resolve) => setTimeout(resolve, drainCheckMs));
    }
    await this.#tls.provedAll(); // a proof under way reads the store
    this.#gateway.closeWebSockets();
    this.#tls.close();
    this.#http.close();
    this.#gateway.close();
    this.#accessLog?.close();
    this.#store.close();
    this.#keyFile.close();
    // The engine frees the sockets of its listeners at the end of this turn: it is over with the next one.
    setImmediate(() => {
      setImmediate(() => this.#report({ kind: 'closed', stats: this.#stats() }));
    });
  }

  #connections(): number {
    return this.#tls.stats.connections + this.#http.connections;
  }

  #stats(): ServingStats {
    const tls = this.#tls.stats;
    return {
      connectionsActive: tls.connections + this.#http.connections,
      connectionsAccepted: tls.accepted + this.#http.accepted,
      tlsConnectionsAccepted: tls.accepted,
      connectionsRefused: this.#limit.refused,
      ...this.#counters,
      ...this.#names,
      requests: this.#meter.read(),
      eventLoopDelayMs: this.#takeLoopDelay(),
      contextsBuilt: tls.contextsBuilt,
      accessLogDropped: this.#accessLog?.dropped ?? 0,
      generationsDraining: tls.draining,
      generationsTotal: tls.generations,
      contexts: tls.contexts,
      discardedApps: tls.discarded,
      workers: 1,
      workerRestarts: 0,
    };
  }

  /** Since it was last asked, beyond the timer's own step. */
  #takeLoopDelay(): number {
    const p99Ms = this.#loopDelay.percentile(99) / 1e6;
    this.#loopDelay.reset();
    return Math.max(0, p99Ms - loopDelayResolutionMs);
  }

  #report(report: WorkerReport): void {
    this.#task.port.postMessage(report);
  }
}
