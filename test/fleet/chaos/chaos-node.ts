import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { snapshotApplier } from '../../../data-plane/snapshot/apply-snapshot.js';
import type { NodeIdentity } from '../../../data-plane/snapshot/node-identity.js';
import { readIdentity } from '../../../data-plane/snapshot/node-identity.js';
import {
  type ControlPlaneLink,
  connectToControlPlane,
} from '../../../data-plane/snapshot/subscriber.js';
import type { NodeStoreReader, NodeStoreWriter } from '../../../data-plane/store/node-store.js';
import { openNodeStoreWriter } from '../../../data-plane/store/open-node-store.js';
import { openNodeStoreReader } from '../../../data-plane/store/open-node-store-reader.js';
import type { CertificateId } from '../../../shared/gateway-model.js';
import { integer, type Random } from '../../support/random.js';
import { recordingLogger } from '../snapshot-fixtures.js';
import { FlakyLink } from './flaky-link.js';
import { type Shown, SimulatedServing } from './simulated-serving.js';

export interface ChaosNodeOptions {
  readonly name: string;
  readonly dataDirectory: string;
  readonly hosts: readonly string[];
  readonly poison: ReadonlySet<CertificateId>;
  /** Of what happens again and again, so that a schedule's own does not depend on how often it did. */
  readonly random: Random;
  /** Whether one certificate was uploaded before another. */
  readonly isOlder: (left: CertificateId, right: CertificateId) => boolean;
}

interface Running {
  readonly store: NodeStoreWriter;
  readonly reader: NodeStoreReader;
  readonly link: ControlPlaneLink;
  readonly serving: SimulatedServing;
}

/** A node that can be killed, cut off and damaged, and remembers what it has ever shown. */
export class ChaosNode {
  readonly wire: FlakyLink;
  readonly violations: string[] = [];
  readonly #options: ChaosNodeOptions;
  /** Newest certificate that each host has shown and acknowledged. */
  readonly #acknowledged = new Map<string, CertificateId>();
  #address: { host: string; port: number } | undefined;
  #running: Running | undefined;
  #clockOffsetMs = 0;

  constructor(options: ChaosNodeOptions) {
    this.#options = options;
    this.wire = new FlakyLink(() => integer(options.random, 30));
  }

  get dataDirectory(): string {
    return this.#options.dataDirectory;
  }

  get name(): string {
    return this.#options.name;
  }

  get shown(): Shown {
    return this.#running?.serving.shown ?? new Map();
  }

  get digest(): string | undefined {
    return this.#running?.store.digest;
  }

  async start(): Promise<void> {
    if (this.#running) return;
    this.#address ??= await this.wire.listen();
    const { dataDirectory, hosts, poison, random } = this.#options;
    const logger = recordingLogger();
    const identity = await this.identity();
    const store = openNodeStoreWriter({ dataDirectory }, logger);
    const reader = openNodeStoreReader({ dataDirectory });
    const serving = new SimulatedServing({
      reader,
      hosts,
      poison,
      proofTakes: () => delay(integer(random, 8)),
      onShown: (shown) => this.#check(shown),
    });
    const link = this.#connect(identity, snapshotApplier(store, serving, logger));
    this.#running = { store, reader, link, serving };
    // As the node does after a start: damage to single rows is found and mended.
    const damaged = await store.verify();
    if (damaged > 0) link.acknowledgeAgain();
  }

  /** Ends it in the middle of whatever it does. What SIGKILL does to the store has a test of its own. */
  async kill(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    const closed = running.link.close();
    running.store.close();
    running.reader.close();
    await closed;
  }

  /** A second process with the same identity, for a moment: a copied data directory, or a late death. */
  async connectTwice(random: Random): Promise<void> {
    const double = this.#connect(await this.identity(), {
      logId: undefined,
      revision: undefined,
      served: () => Promise.resolve(undefined),
      apply: () => new Promise(() => {}),
    });
    await delay(integer(random, 60));
    await double.close();
  }

  /** Overwrites a part of the stopped node's store. */
  tearStore(random: Random): void {
    const path = join(this.dataDirectory, 'node-store.sqlite');
    const { size } = statSync(path);
    const file = openSync(path, 'r+');
    const length = 1 + integer(random, 3000);
    writeSync(file, Buffer.alloc(length, 0xa5), 0, length, integer(random, Math.max(1, size)));
    closeSync(file);
  }

  jumpClock(byMs: number): void {
    this.#clockOffsetMs += byMs;
  }

  async close(): Promise<void> {
    await this.kill();
    this.wire.close();
  }

  async identity(): Promise<NodeIdentity> {
    const identity = await readIdentity(this.#options.dataDirectory);
    if (identity === undefined) throw new Error(`${this.name} has not joined`);
    return identity;
  }

  #connect(identity: NodeIdentity, applier: Parameters<typeof connectToControlPlane>[1]) {
    const { dataDirectory, name, random } = this.#options;
    if (this.#address === undefined) throw new Error('the node was never started');
    return connectToControlPlane(
      {
        addresses: [this.#address],
        dataDirectory,
        identity,
        nodeName: name,
        version: 'chaos',
        pluginsAvailable: ['ssl'],
        health: () => ({ workers: 1, workersWanted: 1, ready: true }),
        clock: () => Date.now() + this.#clockOffsetMs,
        logger: recordingLogger(),
        backoffMs: { first: 10, longest: 100 },
        random,
      },
      applier,
    );
  }

  /** Promised: no node shows an older certificate than it has acknowledged. The default one is none. */
  #check(shown: Shown): void {
    for (const [host, certificateId] of shown) {
      const known = this.#acknowledged.get(host);
      if (known !== undefined && this.#options.isOlder(certificateId, known)) {
        this.violations.push(`${this.name} shows ${certificateId} for ${host} after ${known}`);
      }
      this.#acknowledged.set(host, certificateId);
    }
  }
}
