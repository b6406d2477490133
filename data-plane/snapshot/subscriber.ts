import { setTimeout as delay } from 'node:timers/promises';
import { frameSocket } from '../../shared/frame-socket.js';
import type { Logger } from '../../shared/logger.js';
import type { Revision } from '../../shared/revision.js';
import type { NodeHealth } from '../../shared/snapshot-protocol.js';
import { type Address, connectTls } from './control-plane-connection.js';
import { LastContact } from './last-contact.js';
import type { NodeIdentity } from './node-identity.js';
import type { SnapshotApplier } from './snapshot-applier.js';
import { runStream, type StreamControls } from './stream.js';

export interface SubscriberOptions {
  readonly addresses: readonly Address[];
  readonly dataDirectory: string;
  readonly identity: NodeIdentity;
  readonly nodeName: string;
  readonly version: string;
  readonly pluginsAvailable: readonly string[];
  readonly health: () => NodeHealth;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly logger: Logger;
  /**
   * First and longest wait after every address was tried; each is a random part of its bound. Default 100
   * and 400: however long there was no control plane, a node asks again early enough to be back within a
   * second, and a fleet of a thousand makes some three thousand attempts a second at each meanwhile.
   */
  readonly backoffMs?: { readonly first: number; readonly longest: number };
  /** For jitter and the order of addresses; default `Math.random`. */
  readonly random?: () => number;
}

/** How the node stands to its control planes. Times are milliseconds since the epoch. */
export interface LinkStatus {
  readonly isConnected: boolean;
  /** Address of the control plane that the node is, or was last, connected to. */
  readonly controlPlane?: string;
  /** The newest revision the node has heard of. */
  readonly head?: Revision;
  /**
   * Since when the node may be behind: without a control plane, also before its last start. Absent while
   * it is connected.
   */
  readonly staleSince?: number;
}

export interface ControlPlaneLink {
  readonly status: LinkStatus;
  /** Tells the control plane at once that the node's health changed. */
  healthChanged(): void;
  /**
   * Tells the control plane anew what the node serves, with the store's digest as it is now: if that
   * is not what it ought to be, a full snapshot follows. Each new connection does it by itself.
   */
  acknowledgeAgain(): void;
  /**
   * Resolves once the node has proved to serve the newest revision it has heard of; at once if it has.
   * Never rejects: after `close` it stays as it is.
   */
  whenCurrent(): Promise<void>;
  close(): Promise<void>;
}

const closeGraceMs = 500;

/**
 * Keeps a stream to one of the cluster's control planes and hands every snapshot that comes over it to
 * the applier. Reconnects by itself, for ever: each attempt takes the next address, and once all have
 * failed in a row there is a random wait that grows to a bound.
 */
export function connectToControlPlane(
  options: SubscriberOptions,
  applier: SnapshotApplier,
): ControlPlaneLink {
  const { clock, logger, random = Math.random } = options;
  const { first, longest } = options.backoffMs ?? { first: 100, longest: 400 };
  const closing = new AbortController();
  const addresses = shuffled(options.addresses, random);
  let identity = options.identity;
  const contact = new LastContact(options.dataDirectory, logger);
  let status: LinkStatus = { isConnected: false, staleSince: contact.at ?? clock() };
  let stream: StreamControls | undefined;
  let served: Revision | undefined;
  const waiting: (() => void)[] = [];
  const isCurrent = () =>
    served !== undefined && status.head !== undefined && served >= status.head;

  /** Rounds through all addresses since the last welcome, and what is left of this one. */
  let rounds = 0;
  let untried = addresses.length;

  const attempt = async (address: Address): Promise<void> => {
    const { caPem } = identity;
    const socket = await connectTls(address, { caPem, pair: identity }, closing.signal);
    const connection = frameSocket(socket);
    const abort = () => connection.destroy();
    closing.signal.addEventListener('abort', abort);
    try {
      await runStream(
        { ...options, identity, connection, applier },
        {
          welcomed() {
            rounds = 0;
            untried = 0; // Whoever is cut off has others beside it that are: all wait a little.
            const controlPlane = `${address.host}:${address.port}`;
            status = { ...withoutStale(status), isConnected: true, controlPlane };
            contact.note(clock());
            logger.info({ controlPlane }, 'connected to a control plane');
          },
          headIs: (head) => {
            status = { ...status, head };
            contact.heard(clock());
          },
          acknowledged(revision) {
            served = revision;
            for (const resolve of isCurrent() ? waiting.splice(0) : []) resolve();
          },
          renewed: (renewed) => {
            identity = renewed;
          },
          controls: (controls) => {
            stream = controls;
          },
        },
      );
    } finally {
      closing.signal.removeEventListener('abort', abort);
      stream = undefined;
      connection.destroy();
      if (status.isConnected) {
        status = { ...status, isConnected: false, staleSince: clock() };
        contact.note(clock());
      }
    }
  };

  const run = async () => {
    for (let next = 0; !closing.signal.aborted; next += 1) {
      const address = addresses[next % addresses.length];
      if (address === undefined) return;
      try {
        await attempt(address);
      } catch (error) {
        if (closing.signal.aborted) return;
        const controlPlane = `${address.host}:${address.port}`;
        logger.warn({ controlPlane, err: error }, 'no stream from this control plane');
      }
      untried -= 1;
      if (untried > 0) continue; // Another control plane may be up: it is asked at once.
      untried = addresses.length;
      const boundMs = Math.min(first * 2 ** Math.min(rounds, 16), longest);
      rounds += 1;
      // Part of the wait is random, so that a thousand nodes don't come back in one instant.
      const waitMs = boundMs / 2 + (boundMs / 2) * random();
      await delay(waitMs, undefined, { signal: closing.signal }).catch(() => {});
    }
  };
  const running = run();

  return {
    get status() {
      return status;
    },
    healthChanged: () => stream?.reportHealth(),
    acknowledgeAgain: () => stream?.acknowledgeAgain(),
    whenCurrent: () =>
      isCurrent() ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve)),
    async close() {
      closing.abort();
      // Not for what is being applied: a worker that never answers must not keep the node from stopping.
      await Promise.race([running, delay(closeGraceMs, undefined, { ref: false })]);
    },
  };
}

function withoutStale({ staleSince: _, ...status }: LinkStatus): LinkStatus {
  return status;
}

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  return items
    .map((item) => ({ item, rank: random() }))
    .sort((left, right) => left.rank - right.rank)
    .map(({ item }) => item);
}
