import { setTimeout as delay } from 'node:timers/promises';
import { frameSocket } from '../../shared/frame-socket.js';
import type { Logger } from '../../shared/logger.js';
import { pauseUntilAborted } from '../../shared/pause.js';
import type { Revision } from '../../shared/revision.js';
import type { NodeHealth } from '../../shared/snapshot-protocol.js';
import { type Address, connectTls, longestSilenceMs } from './control-plane-connection.js';
import { type Connected, firstToConnect } from './first-to-connect.js';
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
/** For a handshake, and for the welcome after it; twice as long each time, as all may be overrun. */
const firstSilenceMs = 1_000;

/**
 * Keeps a stream to one of the cluster's control planes and hands every snapshot that comes over it to
 * the applier. Reconnects by itself, for ever: the control planes are raced for the handshake, and the
 * first is greeted, so that there is one stream at a time. If it does not take the node in, the others
 * are; once all have failed there is a random wait that grows to a bound.
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

  /** Rounds through all addresses since the last welcome. */
  let rounds = 0;
  let silenceMs = firstSilenceMs;
  /** The next round begins here: at the one after the control plane that the node was connected to. */
  let preferred = 0;

  /** @returns whether the node was welcomed. Resolves when the stream has ended. */
  const follow = async ({ address, socket }: Connected): Promise<boolean> => {
    let isWelcome = false;
    const connection = frameSocket(socket);
    const abort = () => connection.destroy();
    closing.signal.addEventListener('abort', abort);
    try {
      await runStream(
        { ...options, identity, connection, applier, welcomeTimeoutMs: silenceMs },
        {
          welcomed() {
            isWelcome = true;
            rounds = 0;
            silenceMs = firstSilenceMs;
            preferred = addresses.indexOf(address) + 1;
            const controlPlane = textOf(address);
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
      if (!isWelcome) failed(address, new Error('the connection ended without a welcome'));
    } catch (error) {
      failed(address, error);
    } finally {
      closing.signal.removeEventListener('abort', abort);
      stream = undefined;
      connection.destroy();
      if (status.isConnected) {
        status = { ...status, isConnected: false, staleSince: clock() };
        contact.note(clock());
      }
    }
    return isWelcome;
  };

  const failed = (address: Address, error: unknown) => {
    if (closing.signal.aborted) return;
    const controlPlane = textOf(address);
    logger.warn({ controlPlane, err: error }, 'no stream from this control plane');
  };

  /** Resolves when every control plane has failed, or the stream from one has ended. */
  const round = async (): Promise<void> => {
    const untried = new Set([...addresses.slice(preferred), ...addresses.slice(0, preferred)]);
    const { caPem } = identity;
    for (;;) {
      const connected = await firstToConnect(untried, {
        connect: (address, signal) =>
          connectTls(address, { caPem, pair: identity }, signal, silenceMs),
        failed(address, error) {
          untried.delete(address);
          failed(address, error);
        },
        signal: closing.signal,
      });
      if (connected === undefined) break;
      untried.delete(connected.address);
      // Whoever is cut off has others beside it that are: all wait a little.
      if (await follow(connected)) return;
    }
    silenceMs = Math.min(2 * silenceMs, longestSilenceMs);
  };

  const run = async () => {
    while (!closing.signal.aborted) {
      await round();
      const boundMs = Math.min(first * 2 ** Math.min(rounds, 16), longest);
      rounds += 1;
      // Part of the wait is random, so that a thousand nodes don't come back in one instant.
      const waitMs = boundMs / 2 + (boundMs / 2) * random();
      await pauseUntilAborted(waitMs, closing.signal);
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

function textOf({ host, port }: Address): string {
  return `${host}:${port}`;
}

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  return items
    .map((item) => ({ item, rank: random() }))
    .sort((left, right) => left.rank - right.rank)
    .map(({ item }) => item);
}
