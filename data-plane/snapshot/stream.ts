import { ProtocolError } from '../../shared/frame-codec.js';
import { ConnectionClosedError, type FrameSocket } from '../../shared/frame-socket.js';
import type { Logger } from '../../shared/logger.js';
import type { Revision } from '../../shared/revision.js';
import type { SnapshotChunk, SnapshotTransfer } from '../../shared/snapshot.js';
import {
  type ChunkMessage,
  type ControlMessage,
  encodeMessage,
  maxControlMessageBytes,
  type NodeHealth,
  parseControlMessage,
  protocolMinor,
} from '../../shared/snapshot-protocol.js';
import { isOtherHealth } from '../node-health.js';
import { CertificateRenewal } from './certificate-renewal.js';
import type { NodeIdentity } from './node-identity.js';
import type { AppliedSnapshot, SnapshotApplier } from './snapshot-applier.js';
import type { SubscriberOptions } from './subscriber.js';

export interface StreamOptions extends SubscriberOptions {
  readonly connection: FrameSocket;
  readonly applier: SnapshotApplier;
  /** How long a control plane may take to welcome the node. */
  readonly welcomeTimeoutMs: number;
}

export interface StreamControls {
  reportHealth(): void;
  acknowledgeAgain(): void;
}

export interface StreamEvents {
  welcomed(): void;
  headIs(head: Revision): void;
  renewed(identity: NodeIdentity): void;
  /** The node said that it serves `revision`. */
  acknowledged(revision: Revision): void;
  /** What may be asked of the stream for as long as it lives. */
  controls(controls: StreamControls): void;
}

const maxSilentIntervals = 3;
const maxReasonLength = 500;
/** Of one acknowledgement, so that it fits into a message: a certificate for all hosts has as many as there are. */
const maxRejections = 1000;
const maxRejectedHosts = 1000;

/** Runs one connection from hello to its end. Rejects with why it ended, unless the peer just closed. */
export async function runStream(options: StreamOptions, events: StreamEvents): Promise<void> {
  const stream = new Stream(options, events);
  try {
    await stream.run();
  } finally {
    stream.stop();
  }
}

/** The control plane gave the transfer up: a newer snapshot follows. */
class TransferAbortedError extends Error {}

function unlessAborted(error: unknown): void {
  if (!(error instanceof TransferAbortedError)) throw error;
}

class Stream {
  readonly #options: StreamOptions;
  readonly #events: StreamEvents;
  readonly #logger: Logger;
  readonly #messages: AsyncIterator<Buffer>;
  readonly #renewal: CertificateRenewal;
  #timer: NodeJS.Timeout;
  #silentIntervals = 0;
  #isWelcomed = false;
  /** While a snapshot is being applied nothing is read, and the peer's silence means nothing. */
  #isListening = false;
  /** Between `begin` and its `end` or `abort`. */
  #isTransferring = false;
  /** What the control plane was told last. */
  #toldHealth: NodeHealth | undefined;

  constructor(options: StreamOptions, events: StreamEvents) {
    this.#options = options;
    this.#events = events;
    this.#logger = options.logger;
    this.#renewal = new CertificateRenewal(options);
    this.#messages = options.connection.frames(maxControlMessageBytes)[Symbol.asyncIterator]();
    this.#timer = setTimeout(() => options.connection.destroy(), options.welcomeTimeoutMs);
  }

  async run(): Promise<void> {
    await this.#hello();
    for (let message = await this.#next(); message !== 'end'; message = await this.#next()) {
      await this.#receive(message);
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  async #hello(): Promise<void> {
    const { applier, connection, nodeName, pluginsAvailable, version } = this.#options;
    const { logId, revision } = applier;
    await connection.send(
      encodeMessage({
        type: 'hello',
        minor: protocolMinor,
        nodeName,
        version,
        pluginsAvailable: [...pluginsAvailable],
        health: this.#healthToTell(),
        ...(logId === undefined ? {} : { logId }),
        ...(revision === undefined ? {} : { revision }),
      }),
    );
  }

  /** The next message of a type that this version knows. */
  async #next(): Promise<ControlMessage | 'end'> {
    for (;;) {
      this.#isListening = true;
      const { done, value } = await this.#messages.next();
      this.#isListening = false;
      if (done) return 'end';
      this.#silentIntervals = 0;
      const message = parseControlMessage(value);
      if (message) return message;
    }
  }

  async #receive(message: ControlMessage): Promise<void> {
    switch (message.type) {
      case 'refused':
        throw new ProtocolError(`the control plane refuses this node: ${message.reason}`);
      case 'welcome':
        return this.#welcomed(message);
      case 'alive':
        if (message.head !== undefined) this.#events.headIs(message.head);
        return;
      case 'begin':
        if (!this.#isWelcomed) throw new ProtocolError('begin before welcome');
        return this.#apply(message);
      case 'renewed':
        return this.#renewed(message.certificatePem);
      case 'joined':
      case 'chunk':
      case 'end':
      case 'abort':
        throw new ProtocolError(`${message.type} at a time when there is no place for it`);
      default:
        message satisfies never;
    }
  }

  async #welcomed({ head, keepAliveMs }: ControlMessage & { type: 'welcome' }): Promise<void> {
    // Inside a transfer the node would wait for itself: it proves what it serves after the transfer.
    if (this.#isWelcomed) throw new ProtocolError('welcome for a second time');
    this.#isWelcomed = true;
    const { connection } = this.#options;
    clearTimeout(this.#timer);
    this.#timer = setInterval(() => this.#keepAlive(), keepAliveMs);
    this.#events.welcomed();
    if (head !== undefined) this.#events.headIs(head);
    this.#events.controls({
      reportHealth: () => this.#sendAlive(),
      acknowledgeAgain: () => void this.#acknowledgeServed().catch(() => connection.destroy()),
    });
    await this.#renewIfDue();
    await this.#acknowledgeServed();
  }

  async #acknowledgeServed(): Promise<void> {
    const served = await this.#options.applier.served();
    if (served) await this.#acknowledge(served);
  }

  async #apply({ logId, from, to }: ControlMessage & { type: 'begin' }): Promise<void> {
    this.#events.headIs(to);
    this.#isTransferring = true;
    const transfer: SnapshotTransfer = { logId, from: from ?? 'empty', to, chunks: this.#chunks() };
    try {
      await this.#acknowledge(await this.#options.applier.apply(transfer));
    } catch (error) {
      if (!this.#options.connection.isOpen) throw error;
      await this.#discardTransfer();
      if (error instanceof TransferAbortedError) return;
      this.#logger.error({ to, err: error }, 'a snapshot was not applied; asking for a full one');
      const reason = error instanceof Error ? error.message.slice(0, maxReasonLength) : 'unknown';
      await this.#options.connection.send(encodeMessage({ type: 'resync', reason }));
    }
  }

  async *#chunks(): AsyncGenerator<SnapshotChunk, void, undefined> {
    while (this.#isTransferring) {
      const message = await this.#nextOfTransfer();
      if (message) yield chunkOf(message);
    }
  }

  /** Reads over what is still on its way of a transfer that was given up. */
  async #discardTransfer(): Promise<void> {
    while (this.#isTransferring) await this.#nextOfTransfer().catch(unlessAborted);
  }

  /** The next chunk; `undefined` for anything else that came, the transfer's end included. */
  async #nextOfTransfer(): Promise<ChunkMessage | undefined> {
    const message = await this.#next();
    if (message === 'end') throw new ConnectionClosedError();
    switch (message.type) {
      case 'chunk':
        return message;
      case 'end':
        this.#isTransferring = false;
        return undefined;
      case 'abort':
        this.#isTransferring = false;
        throw new TransferAbortedError();
      case 'begin':
        throw new ProtocolError('begin inside a transfer');
      default:
        await this.#receive(message);
        return undefined;
    }
  }

  async #acknowledge({ revision, digest, rejections }: AppliedSnapshot): Promise<void> {
    let hostsLeft = maxRejectedHosts;
    const told = rejections.slice(0, maxRejections).map(({ certificateId, hosts, reason }) => {
      const some = hosts.slice(0, hostsLeft);
      hostsLeft -= some.length;
      return { certificateId, hosts: some, reason: reason.slice(0, maxReasonLength) };
    });
    const ack = { type: 'ack', revision, digest, rejections: told } as const;
    await this.#options.connection.send(encodeMessage(ack));
    // With its first snapshot a node becomes ready: the control plane knows it with the acknowledgement.
    const known = this.#toldHealth;
    if (known !== undefined && isOtherHealth(known, this.#options.health())) this.#sendAlive();
    this.#events.acknowledged(revision);
  }

  async #renewIfDue(): Promise<void> {
    const csrPem = await this.#renewal.request();
    if (csrPem === undefined) return;
    await this.#options.connection.send(encodeMessage({ type: 'renew', csrPem }));
  }

  async #renewed(certificatePem: string): Promise<void> {
    this.#events.renewed(await this.#renewal.accept(certificatePem));
    this.#logger.info({}, "the node's certificate was renewed");
  }

  #keepAlive(): void {
    const { connection } = this.#options;
    if (this.#isListening) this.#silentIntervals += 1;
    if (this.#silentIntervals > maxSilentIntervals) {
      this.#logger.warn({}, 'the control plane fell silent and is taken for gone');
      connection.destroy();
      return;
    }
    this.#sendAlive();
    void this.#renewIfDue().catch(() => connection.destroy());
  }

  #sendAlive(): void {
    const alive = { type: 'alive', health: this.#healthToTell() } as const;
    this.#options.connection.sendIfIdle(encodeMessage(alive));
  }

  #healthToTell(): NodeHealth {
    const health = this.#options.health();
    this.#toldHealth = health;
    return health;
  }
}

function chunkOf(message: ChunkMessage): SnapshotChunk {
  return {
    upserts: [
      ...message.certificates.map((value) => ({ kind: 'certificate', value }) as const),
      ...message.apis.map((value) => ({ kind: 'api', value }) as const),
      ...message.plugins.map((value) => ({ kind: 'plugin', value }) as const),
    ],
    removals: [
      ...message.removedPlugins.map((id) => ({ kind: 'plugin', id }) as const),
      ...message.removedApis.map((id) => ({ kind: 'api', id }) as const),
      ...message.removedCertificates.map((id) => ({ kind: 'certificate', id }) as const),
    ],
  };
}
