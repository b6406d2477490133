import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { AckHistory } from '../../control-plane/distribution/ack-history.js';
import { type ClusterCa, openClusterCa } from '../../control-plane/distribution/cluster-ca.js';
import {
  ClusterMembers,
  type ClusterMembersOptions,
  openClusterDatabase,
} from '../../control-plane/distribution/cluster-members.js';
import { JoinTokens } from '../../control-plane/distribution/join-tokens.js';
import { NodeRegistry } from '../../control-plane/distribution/node-registry.js';
import {
  type NodeServer,
  type NodeServerOptions,
  startNodeServer,
} from '../../control-plane/distribution/node-server.js';
import { SnapshotFeed } from '../../control-plane/distribution/snapshot-feed.js';
import type { Command } from '../../control-plane/domain/commands.js';
import { decide } from '../../control-plane/domain/decide.js';
import { fold } from '../../control-plane/domain/evolve.js';
import { type GatewayState, initialState } from '../../control-plane/domain/state.js';
import type { ControlState, RecordedListener } from '../../control-plane/ports/control-state.js';
import type { KeyVault } from '../../control-plane/ports/key-vault.js';
import { KeyErasedError } from '../../control-plane/ports/key-vault-errors.js';
import { type SnapshotServer, snapshotApplier } from '../../data-plane/snapshot/apply-snapshot.js';
import { joinCluster } from '../../data-plane/snapshot/join-cluster.js';
import {
  type ControlPlaneLink,
  connectToControlPlane,
  type SubscriberOptions,
} from '../../data-plane/snapshot/subscriber.js';
import type { NodeStoreWriter } from '../../data-plane/store/node-store.js';
import { openNodeStoreWriter } from '../../data-plane/store/open-node-store.js';
import type { EventId, GatewayEvent, RecordedEvent } from '../../shared/events.js';
import type { KeyId, NodeId } from '../../shared/gateway-model.js';
import { type ExpectedRevision, nextRevision } from '../../shared/revision.js';
import {
  api,
  apiAdded,
  certificate,
  certUploaded,
  keyId,
  plugin,
  pluginAdded,
  pluginUpdated,
} from '../support/gateway-fixtures.js';
import { openGrants } from '../support/grants.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { logId, type RecordingLogger, recordingLogger } from './snapshot-fixtures.js';

export const minuteMs = 60_000;

/** A control plane's state without its log: events are folded as they are given. */
export class TestControl implements ControlState {
  state: GatewayState = initialState;
  head: ExpectedRevision = 'empty';
  readonly #listeners = new Set<RecordedListener>();

  constructor() {
    this.record({ type: 'LogCreated', data: { logId } });
  }

  onRecorded(listener: RecordedListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  record(...events: GatewayEvent[]): void {
    const before = this.state;
    const recorded = events.map((event): RecordedEvent => {
      this.head = nextRevision(this.head);
      const metadata = { time: '2026-01-02T03:04:05.006Z', actor: 'test', correlationId: 'test' };
      return { revision: this.head, id: randomUUID() as EventId, event, metadata };
    });
    this.state = recorded.reduce(fold, before);
    for (const listener of this.#listeners) listener(recorded, before, this.state);
  }

  /** API `n` with a certificate of its own, under `host-n.test`. */
  bindHost(n: number): void {
    const events = [certUploaded(certificate(n)), pluginAdded(plugin(n, n))];
    this.record(apiAdded(api(n)), ...events);
  }

  /** Rebinds `host-n.test` to certificate `to`. */
  rebindHost(n: number, to: number): void {
    this.record(certUploaded(certificate(to)), pluginUpdated(plugin(n, n, to)));
  }
}

/** Opens any key but those erased; counts what was opened. */
export class TestVault implements KeyVault {
  readonly erased = new Set<KeyId>();
  readonly opened: KeyId[] = [];

  put = () => Promise.resolve();
  list = async function* (): AsyncGenerator<KeyId> {};
  close = () => Promise.resolve();

  open(id: KeyId): Promise<string> {
    this.opened.push(id);
    return this.erased.has(id)
      ? Promise.reject(new KeyErasedError(id))
      : Promise.resolve(`canary-key ${id}`);
  }

  erase(id: KeyId): Promise<void> {
    this.erased.add(id);
    return Promise.resolve();
  }
}

export interface TestControlPlane<
  Control extends ControlState = TestControl,
  Vault extends KeyVault = TestVault,
> {
  readonly control: Control;
  readonly vault: Vault;
  readonly ca: ClusterCa;
  readonly members: ClusterMembers;
  readonly registry: NodeRegistry;
  readonly history: AckHistory;
  readonly feed: SnapshotFeed;
  readonly server: NodeServer;
  readonly logger: RecordingLogger;
  readonly address: { readonly host: string; readonly port: number };
  /** Where "now" is moved to another time. */
  readonly clock: { offsetMs: number };
  /** A token good for a quarter of an hour. */
  token(): Promise<string>;
  close(): Promise<void>;
}

export interface ControlPlaneSetup extends Partial<NodeServerOptions> {
  readonly directory?: string;
  readonly maxRememberedKeys?: number;
}

/** A control plane without log and admin API, on a free port of the loopback. Ends with the test. */
export function startControlPlane(
  setup: ControlPlaneSetup & { control?: TestControl; vault?: TestVault } = {},
): Promise<TestControlPlane> {
  const { control = new TestControl(), vault = new TestVault(), ...rest } = setup;
  const handler = {
    execute: (command: Command) => {
      const decision = decide(control.state, command);
      if (decision.accepted) control.record(...decision.events);
      return Promise.resolve();
    },
  };
  return feedFrom({ folded: control, vault, handler }, rest);
}

export interface FeedSource<Control extends ControlState, Vault extends KeyVault> {
  readonly folded: Control;
  readonly vault: Vault;
  readonly handler: {
    execute(command: Command, context: { actor: string; correlationId: string }): Promise<unknown>;
  };
}

/** The same, for a state and a vault of any kind. */
export async function feedFrom<Control extends ControlState, Vault extends KeyVault>(
  { folded: control, vault, handler }: FeedSource<Control, Vault>,
  setup: ControlPlaneSetup = {},
): Promise<TestControlPlane<Control, Vault>> {
  const directory = setup.directory ?? (await temporaryDirectory());
  const clock = { offsetMs: 0 };
  const now = () => Date.now() + clock.offsetMs;
  const logger = recordingLogger();
  const database = openClusterDatabase(join(directory, 'cluster.sqlite'));
  const execute: ClusterMembersOptions['execute'] = async (command, actor) => {
    await handler.execute(command, { actor, correlationId: 'test' });
  };
  const state = () => control.state;
  const tokens = new JoinTokens(await openGrants(directory));
  const members = setup.members ?? new ClusterMembers({ tokens, state, execute });
  const history = new AckHistory(database, {
    retentionMs: 60 * minuteMs,
    clock: now,
    logger,
  });
  const registry = new NodeRegistry({
    members,
    history,
    pluginsAvailable: ['ssl'],
    clock: now,
    logger,
  });
  const { maxRememberedKeys } = setup;
  const feed = new SnapshotFeed({ control, ...(maxRememberedKeys && { maxRememberedKeys }) });
  const ca = setup.ca ?? (await openClusterCa(directory, now()));
  const server = await startNodeServer({
    listen: { host: '127.0.0.1', port: 0 },
    ca,
    control,
    members,
    registry,
    feed,
    keyVault: vault,
    version: '0.0.0-test',
    clock: now,
    logger,
    keepAliveMs: 1000,
    ...setup,
  });
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= server.close().then(() => {
      feed.close();
      history.close();
      database.close();
    });
    return closed;
  };
  onTestFinished(close);
  return {
    control,
    vault,
    ca,
    members,
    registry,
    history,
    feed,
    server,
    logger,
    address: { host: '127.0.0.1', port: server.port },
    clock,
    token: () => members.issueToken(ca.fingerprint256, now() + 15 * minuteMs),
    close,
  };
}

export interface TestNode {
  readonly nodeId: NodeId;
  readonly store: NodeStoreWriter;
  readonly link: ControlPlaneLink;
  readonly logger: RecordingLogger;
  readonly dataDirectory: string;
  close(): Promise<void>;
}

export interface NodeSetup extends Partial<SubscriberOptions> {
  readonly server?: SnapshotServer;
}

/** A node with a real store and no listeners: what is stored counts as served. Ends with the test. */
export async function startNode(
  controlPlane: Pick<TestControlPlane, 'address' | 'token'>,
  setup: NodeSetup = {},
): Promise<TestNode> {
  const dataDirectory = setup.dataDirectory ?? (await temporaryDirectory());
  const nodeName = setup.nodeName ?? 'node-1';
  const identity =
    setup.identity ??
    (await joinCluster({
      dataDirectory,
      addresses: [controlPlane.address],
      token: await controlPlane.token(),
      nodeName,
    }));
  const logger = recordingLogger();
  const store = openNodeStoreWriter({ dataDirectory }, logger);
  const everythingServed: SnapshotServer = { applied: () => Promise.resolve([]) };
  const link = connectToControlPlane(
    {
      addresses: [controlPlane.address],
      dataDirectory,
      identity,
      nodeName,
      version: '0.0.0-test',
      pluginsAvailable: ['ssl'],
      health: () => ({ workers: 2, workersWanted: 2, ready: true }),
      clock: Date.now,
      logger,
      backoffMs: { first: 10, longest: 50 },
      ...setup,
    },
    snapshotApplier(store, setup.server ?? everythingServed, logger),
  );
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= link.close().then(() => store.close());
    return closed;
  };
  onTestFinished(close);
  // The control plane made it.
  return { nodeId: identity.nodeId as NodeId, store, link, logger, dataDirectory, close };
}

export const keyOfCertificate = (n: number): KeyId => keyId(n);
