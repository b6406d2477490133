import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Closing, startOrClose } from '../shared/closing.js';
import type { GatewayConfig } from '../shared/config.js';
import type { RootLogger } from '../shared/create-logger.js';
import { holdDataDirectory } from '../shared/data-directory.js';
import { joinTokenOf } from '../shared/join-token-source.js';
import type { Logger } from '../shared/logger.js';
import type { Listening, RunningRole } from '../shared/running.js';
import { product, version } from '../shared/version.js';
import { checkEngineBuild } from './engine-build.js';
import { Histogram } from './metrics/histogram.js';
import { NodeHealthReport } from './node-health.js';
import { openDefaultCertificate } from './open-default-certificate.js';
import type { ServingSettings } from './serving/messages.js';
import { snapshotApplier } from './snapshot/apply-snapshot.js';
import { joinCluster } from './snapshot/join-cluster.js';
import { type ControlPlaneLink, connectToControlPlane } from './snapshot/subscriber.js';
import { startNodeStatusServer } from './status/node-status-server.js';
import type { NodeStoreWriter } from './store/node-store.js';
import { openNodeStoreWriter } from './store/open-node-store.js';
import { Supervisor } from './supervisor.js';

const firstSnapshotWaitMs = 2000;

/**
 * Composition root of a data-plane node: joins its cluster once, serves what its store holds, and
 * follows a control plane. It is the supervisor; the TLS engine runs in the processes that it forks.
 */
export function startDataPlane(config: GatewayConfig, logger: RootLogger): Promise<RunningRole> {
  return startOrClose(logger, (closing) => start(config, logger, closing));
}

async function start(
  config: GatewayConfig,
  logger: RootLogger,
  closing: Closing,
): Promise<RunningRole> {
  const engine = await checkEngineBuild(config.engineSha256);
  logger.info({ ...engine }, 'the TLS engine is the build that was expected');
  const dataDirectory = config.dataDir;
  closing.add(holdDataDirectory(dataDirectory));
  const nodeName = config.nodeName ?? hostname();
  const identity = await joinCluster({
    dataDirectory,
    addresses: config.controlPlanes,
    // Read by who has not joined yet alone: afterwards its file may be gone.
    get token() {
      return joinTokenOf(config);
    },
    nodeName,
  });

  const store = openNodeStoreWriter({ dataDirectory }, logger);
  closing.add(() => store.close());
  const supervisor = new Supervisor({
    settings: await servingSettings(config),
    processes: config.processes,
    logger,
  });
  const served = await supervisor.start();
  closing.add(() => supervisor.stop());

  const health = new NodeHealthReport({
    stats: () => supervisor.stats(),
    workersWanted: config.workers * config.processes,
    hasSnapshot: () => store.revision !== undefined,
    logger,
  });
  await health.refresh();
  closing.add(() => health.close());

  const applySeconds = new Histogram();
  const applier = snapshotApplier(store, supervisor, logger, applySeconds);
  const link = connectToControlPlane(
    {
      addresses: config.controlPlanes,
      dataDirectory,
      identity,
      nodeName,
      version,
      pluginsAvailable: config.pluginsAvailable,
      health: () => health.current,
      clock: Date.now,
      logger,
    },
    applier,
  );
  closing.add(() => link.close());
  health.watch(() => link.healthChanged());
  verifyInBackground(store, link, logger, closing);
  // Nice to have, not needed: a node serves what it has, with or without a control plane.
  await Promise.race([link.whenCurrent(), delay(firstSnapshotWaitMs, undefined, { ref: false })]);

  const listening: Listening[] = [
    { what: 'proxy', address: served.http },
    { what: 'proxyTls', address: served.https },
  ];
  if (config.nodeStatusListen) {
    const status = await startNodeStatusServer({
      listen: config.nodeStatusListen,
      nodeName,
      version,
      health: () => health.current,
      stats: () => health.stats,
      link: () => link.status,
      applied: () => applySeconds.read(),
      snapshot: () => ({ revision: store.revision, digest: store.digest }),
      clock: Date.now,
    });
    closing.add(() => status.close());
    listening.push({ what: 'nodeStatus', address: status.address });
  }
  logger.onLevelChange((level) => supervisor.setLogLevel(level));
  return { listening, close: () => closing.run() };
}

/** Damage that a torn file did to single entries is found after the start, and mended by a full snapshot. */
function verifyInBackground(
  store: NodeStoreWriter,
  link: ControlPlaneLink,
  logger: Logger,
  closing: Closing,
): void {
  const stop = new AbortController();
  const verified = store.verify(stop.signal).then(
    (damaged) => {
      if (damaged === 0) return;
      logger.error({ damaged }, 'the node store was damaged; asking for a full snapshot');
      link.acknowledgeAgain();
    },
    (error: unknown) => logger.error({ err: error }, 'the node store could not be verified'),
  );
  closing.add(async () => {
    stop.abort();
    await verified;
  });
}

async function servingSettings(
  config: GatewayConfig,
): Promise<Omit<ServingSettings, 'socketDirectory' | 'isSharingPorts' | 'rejected'>> {
  return {
    dataDirectory: config.dataDir,
    http: config.proxyListen,
    https: config.proxyListenSsl,
    workers: config.workers,
    defaultCertificate: await openDefaultCertificate({
      certPath: config.sslCertPath,
      keyPath: config.sslKeyPath,
      dataDirectory: config.dataDir,
    }),
    cipherPolicy: config.cipherPolicy,
    unknownServerName: config.unknownServerName,
    drainTimeoutMs: config.drainTimeoutMs,
    contextBudget: config.contextBudget,
    gateway: {
      product,
      limits: {
        connectTimeoutMs: config.upstreamConnectTimeoutMs,
        responseTimeoutMs: config.upstreamHeadersTimeoutMs,
        responseIdleTimeoutMs: config.upstreamBodyTimeoutMs,
        upstreamKeepAliveMs: config.upstreamIdleTimeoutMs,
        maxConnectionsPerUpstream: config.upstreamMaxConnections,
        clientReadTimeoutMs: config.clientBodyTimeoutMs,
        ejectAfterFailures: config.upstreamEjectAfterFailures,
        ejectForMs: config.upstreamEjectMs,
        maxEjectForMs: config.upstreamMaxEjectMs,
        failureStatuses: config.upstreamFailureStatuses,
        panicBelowPercent: config.upstreamPanicPercent,
      },
      verifyUpstreamTls: config.upstreamTlsVerify,
      trustedIps: config.trustedIps,
      refuseMisdirected: config.misdirectedRequests === 'refuse',
      ...(config.httpsRedirectPort !== undefined && {
        httpsRedirectPort: config.httpsRedirectPort,
      }),
      ...(config.accessLogPath !== undefined && {
        accessLog: {
          // The serving processes may have another working directory.
          path: resolve(config.accessLogPath),
          format: config.accessLogFormat,
          percent: config.accessLogPercent,
        },
      }),
    },
    logLevel: config.logLevel,
  };
}
