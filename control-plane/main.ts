import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { type Closing, startOrClose } from '../shared/closing.js';
import type { GatewayConfig } from '../shared/config.js';
import type { RootLogger } from '../shared/create-logger.js';
import { holdDataDirectory } from '../shared/data-directory.js';
import type { ApiId } from '../shared/gateway-model.js';
import type { Logger } from '../shared/logger.js';
import { makeDirectory } from '../shared/make-directory.js';
import type { Listening, RunningControlPlane } from '../shared/running.js';
import { product, version } from '../shared/version.js';
import { type AdminAccess, openAdminAccess } from './access/admin-access.js';
import type { GrantLog } from './access/grant-log.js';
import { isUuid } from './admin-api/ids.js';
import { addConsoleRoutes } from './admin-api/routes/console.js';
import { addHistoryRoutes } from './admin-api/routes/history.js';
import { addHostRoutes } from './admin-api/routes/hosts.js';
import { addLogLevelRoutes } from './admin-api/routes/log-level.js';
import { addMasterKeyRoutes } from './admin-api/routes/master-key.js';
import { addNodeServedRoute } from './admin-api/routes/node-served.js';
import { addNodeRoutes } from './admin-api/routes/nodes.js';
import { addOverviewRoute } from './admin-api/routes/overview.js';
import { createAdminServer } from './admin-api/server.js';
import { CommandHandler } from './application/command-handler.js';
import type { FoldedLog } from './application/folded-log.js';
import { KeyErasure } from './application/key-erasure.js';
import { sweepOrphanKeys } from './application/orphan-sweep.js';
import { PastStates } from './application/past-states.js';
import { dataFiles } from './data-files.js';
import { AckHistory } from './distribution/ack-history.js';
import { whenApplied } from './distribution/applied-barrier.js';
import { openClusterCa } from './distribution/cluster-ca.js';
import { ClusterMembers, openClusterDatabase } from './distribution/cluster-members.js';
import { JoinTokens } from './distribution/join-tokens.js';
import { NodeRegistry } from './distribution/node-registry.js';
import { startNodeServer } from './distribution/node-server.js';
import { ServedRecorder } from './distribution/served-recorder.js';
import { ControlMetrics } from './metrics/control-metrics.js';
import { measuredEventLog } from './metrics/measured-event-log.js';
import { addMetricsRoutes } from './metrics/metrics-routes.js';
import { openFoldedLog } from './open-folded-log.js';
import { clusterDirectory, readGrantLog } from './open-grant-log.js';
import { openStores, type Stores } from './open-stores.js';
import type { Clock } from './ports/clock.js';
import { VaultClosedError } from './ports/key-vault-errors.js';
import { History } from './projections/history.js';
import { HostDirectory } from './projections/host-directory.js';

/** Where the build puts the console, as seen from the built output. */
const consoleDirectory = join(import.meta.dirname, '../console/site');
const joinTokenLifetimeMs = 15 * 60_000;
/** Another control plane's upload may have put its key and not yet appended its event. */
const sharedVaultGraceMs = 60_000;

/**
 * Composition root of a control plane: opens the stores, replays the log, then feeds nodes and answers
 * the admin API. What was started is closed in reverse order, also if a later step fails.
 */
export function startControlPlane(
  config: GatewayConfig,
  logger: RootLogger,
): Promise<RunningControlPlane> {
  return startOrClose(logger, (closing) => start(config, logger, closing));
}

async function start(
  config: GatewayConfig,
  logger: RootLogger,
  closing: Closing,
): Promise<RunningControlPlane> {
  const clock = Date.now;
  closing.add(holdDataDirectory(config.dataDir));
  const metrics = new ControlMetrics();
  const opened = await openStores(config, logger);
  closing.add(() => opened.close());
  const stores: Stores = { ...opened, log: measuredEventLog(opened.log, metrics) };

  const { dataDir } = config;
  const { folded, feed } = await openFoldedLog(
    { log: stores.log, dataDir, clock, logger },
    closing,
  );
  const ca = await openClusterCa(clusterDirectory(config), clock());
  const grantLog = await readGrantLog(stores.grantLog, ca, logger);
  // Early: a listener that must not be is refused before anything is recorded.
  const access = await openAccess(config, { grantLog, folded }, logger);
  const handler = new CommandHandler({ ...stores, folded, clock, logger });
  closing.add(() => handler.idle());
  await ensureLogExists(folded, handler);
  const { replacedKeyRetentionMs } = config;
  const parts = { folded, handler, clock, logger, replacedKeyRetentionMs };
  await keepVaultClean(stores, parts, closing);
  const { log } = stores;
  const history = new History({ path: dataFiles(dataDir).history, log, control: folded, logger });
  closing.add(() => history.close());
  const pastStates = new PastStates(log, folded);
  if (stores.shared) followLog(folded, 'the event log', logger, closing);
  followLog(grantLog, 'the grant log', logger, closing);
  resumeMasterKeyRotation(stores, logger);

  const { cluster } = dataFiles(dataDir);
  makeDirectory(cluster);
  const clusterDatabase = openClusterDatabase(join(cluster, 'members.sqlite'));
  closing.add(() => clusterDatabase.close());
  const members = new ClusterMembers({
    tokens: new JoinTokens(grantLog),
    state: () => folded.state,
    execute: async (command, actor) => {
      await handler.execute(command, { actor, correlationId: randomUUID() });
    },
  });
  const ackHistory = new AckHistory(clusterDatabase, {
    retentionMs: config.ackRetentionMs,
    clock,
    logger,
  });
  closing.add(() => ackHistory.flush());
  const registry = new NodeRegistry({ ...config, members, history: ackHistory, clock, logger });
  metrics.watchState(folded);
  closing.add(metrics.watchNodes(registry, folded));
  if (stores.shared) {
    const recorder = new ServedRecorder({
      registry,
      feed,
      execute: async (command) => {
        await handler.execute(command, { actor: 'system', correlationId: randomUUID() });
      },
      logger,
    });
    closing.add(() => recorder.close());
  }
  const nodeServer = await startNodeServer({
    listen: config.nodeListen,
    ca,
    control: folded,
    members,
    registry,
    feed,
    keyVault: stores.vault,
    version,
    clock,
    logger,
  });
  closing.add(() => nodeServer.close());

  let hosts: HostDirectory | undefined;
  closing.add(() => hosts?.close());
  const directory = () => {
    hosts ??= new HostDirectory(folded);
    return hosts;
  };
  const admin = await createAdminServer({
    ...config.adminApiListen,
    ...stores,
    folded,
    handler,
    clock,
    logger,
    product,
    pluginsAvailable: config.pluginsAvailable,
    allowExpiredCertificates: config.allowExpiredCertificates,
    connectionCounters: () => registry.connectionCounters(),
    whenApplied: (revision, wait) => whenApplied({ registry, feed }, revision, wait),
    stateAt: (revision) => pastStates.at(revision),
    uploadOf: (id) => history.upload(id),
    ...access.callers,
    tls: access.tls,
    extensions: [
      access.extend,
      (server) => addMetricsRoutes(server, metrics),
      (server, context) => addLogLevelRoutes(server, context, logger),
      (server, context) =>
        addNodeRoutes(server, context, {
          registry,
          feed,
          issueJoinToken: (expiresAt) => members.issueToken(ca.fingerprint256, expiresAt),
        }),
      (server, context) =>
        addNodeServedRoute(server, context, { registry, acks: ackHistory, history }),
      (server, context) => addHistoryRoutes(server, context, { history, pastStates }),
      (server, context) => addMasterKeyRoutes(server, context, stores.masterKeyRotation),
      (server, context) => addHostRoutes(server, context, directory),
      (server) => addOverviewRoute(server, { folded, clock, registry, feed, directory }),
      (server) => addConsoleRoutes(server, consoleDirectory),
    ],
  });
  closing.add(() => admin.close());
  const adminAddress = await admin.listen();

  const listening: readonly Listening[] = [
    { what: 'admin', address: { host: config.adminApiListen.host, port: adminAddress.port } },
    { what: 'nodeStream', address: { host: config.nodeListen.host, port: nodeServer.port } },
  ];
  return {
    listening,
    firstAdminToken: access.firstToken,
    issueJoinToken: () => members.issueToken(ca.fingerprint256, clock() + joinTokenLifetimeMs),
    close: () => closing.run(),
  };
}

/** Keys open under the old master key and the new one meanwhile, so nobody need wait for it. */
function resumeMasterKeyRotation({ masterKeyRotation }: Stores, logger: Logger): void {
  masterKeyRotation.resume().catch((error: unknown) => {
    // The next start goes on with it.
    if (error instanceof VaultClosedError) return;
    logger.error({ err: error }, 'the rotation of the master key is not finished');
  });
}

/** Revision 0 of every log names it; of two control planes that start at once, one writes it. */
async function ensureLogExists(folded: FoldedLog, handler: CommandHandler): Promise<void> {
  if (folded.state.logId !== undefined) return;
  await handler.execute(
    { type: 'CreateLog', logId: randomUUID() },
    { actor: 'system', correlationId: randomUUID() },
  );
}

/** Keys that no certificate names go at start, and the rest as soon as their last use does. */
async function keepVaultClean(
  { vault, shared }: Stores,
  parts: Parts,
  closing: Closing,
): Promise<void> {
  const stop = new AbortController();
  const sweep = sweepOrphanKeys({
    ...parts,
    vault,
    graceMs: shared ? sharedVaultGraceMs : 0,
    signal: stop.signal,
  });
  if (shared) {
    const { logger } = parts;
    const settled = sweep.catch((error: unknown) => {
      if (!stop.signal.aborted) logger.error({ err: error }, 'orphaned keys were not swept');
    });
    closing.add(async () => {
      stop.abort();
      await settled;
    });
  } else {
    await sweep;
  }
  const erasure = new KeyErasure({ ...parts, vault });
  closing.add(() => erasure.stop());
}

interface Parts {
  readonly folded: FoldedLog;
  readonly handler: CommandHandler;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly replacedKeyRetentionMs: number;
}

/** Takes up what other processes write, as they write it. */
function followLog(
  log: Pick<FoldedLog | GrantLog, 'follow'>,
  name: string,
  logger: Logger,
  closing: Closing,
): void {
  const stop = new AbortController();
  const following = log.follow(stop.signal).catch((error: unknown) => {
    // What is not the log's must not be served on: the supervisor of this process starts anew.
    logger.error({ err: error }, `${name} can no longer be followed`);
    process.kill(process.pid, 'SIGTERM');
  });
  closing.add(async () => {
    stop.abort();
    await following;
  });
}

function openAccess(
  config: GatewayConfig,
  { grantLog, folded }: { grantLog: GrantLog; folded: FoldedLog },
  logger: Logger,
): Promise<AdminAccess> {
  const { adminSslCertPath: certPath, adminSslKeyPath: keyPath } = config;
  return openAdminAccess({
    grantLog,
    listen: config.adminApiListen,
    tlsFiles: certPath === undefined || keyPath === undefined ? undefined : { certPath, keyPath },
    requestHostOf: (nameOrId) => requestHostOf(folded, nameOrId),
    clock: Date.now,
    logger,
  });
}

function requestHostOf({ state }: FoldedLog, nameOrId: string): string | undefined {
  // As the routes look it up: what looks like an id is one.
  const id = isUuid(nameOrId) ? (nameOrId.toLowerCase() as ApiId) : state.apiIdByName.get(nameOrId);
  return id === undefined ? undefined : state.apis.get(id)?.requestHost;
}
