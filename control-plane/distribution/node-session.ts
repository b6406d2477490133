import { ProtocolError } from '../../shared/frame-codec.js';
import type { FrameSocket } from '../../shared/frame-socket.js';
import { ConnectionClosedError } from '../../shared/frame-socket.js';
import type { Logger } from '../../shared/logger.js';
import type { Revision } from '../../shared/revision.js';
import {
  type AckMessage,
  encodeMessage,
  type HelloMessage,
  maxNodeMessageBytes,
  type NodeMessage,
  parseNodeMessage,
  protocolMinor,
} from '../../shared/snapshot-protocol.js';
import type { NodeRegistry } from './node-registry.js';
import type { SnapshotFeed } from './snapshot-feed.js';
import { type SnapshotEncoder, SnapshotOvertakenError } from './snapshot-messages.js';

export interface NodeSessionOptions {
  readonly nodeId: string;
  readonly address: string;
  readonly connection: FrameSocket;
  readonly feed: Pick<SnapshotFeed, 'head' | 'watch' | 'digestAt' | 'neededFor'>;
  readonly encoder: Pick<SnapshotEncoder, 'snapshotFrom'>;
  readonly registry: Pick<NodeRegistry, 'connected' | 'disconnected' | 'healthChanged' | 'acked'>;
  readonly version: string;
  readonly keepAliveMs: number;
  readonly renewCertificate: (csrPem: string) => Promise<string>;
  readonly logger: Logger;
}

/** Lives are counted: a node that was silent for so many keep-alive intervals is taken for gone. */
const maxSilentIntervals = 3;
const helloTimeoutMs = 10_000;
const maxResyncDelayMs = 30_000;

/**
 * One admitted node's stream. At most one snapshot is under way; when it is acknowledged, or given
 * up, the newest one follows, whatever lay between. So a slow node skips, holds up nobody, and costs
 * the memory of one chunk.
 */
export class NodeSession {
  readonly #options: NodeSessionOptions;
  readonly #logger: Logger;
  readonly #unwatch: () => void;
  #timer: NodeJS.Timeout;
  #silentIntervals = 0;
  /** Revision that the node holds, of the log it named; `'empty'` asks for a full snapshot. */
  #held: Revision | 'empty' = 'empty';
  #isGreeted = false;
  #underWay: Revision | undefined;
  #isSending = false;
  /** Full snapshots sent in a row because the node's state was wrong. */
  #resyncs = 0;
  #resyncTimer: NodeJS.Timeout | undefined;

  constructor(options: NodeSessionOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ nodeId: options.nodeId });
    this.#timer = setTimeout(() => options.connection.destroy(), helloTimeoutMs);
    this.#unwatch = options.feed.watch(() => this.#pump());
  }

  /** Resolves when the connection has ended, however it did. Never rejects. */
  async run(): Promise<void> {
    const { connection, registry, nodeId } = this.#options;
    try {
      for await (const body of connection.frames(maxNodeMessageBytes)) {
        this.#silentIntervals = 0;
        const message = parseNodeMessage(body);
        if (message) await this.#receive(message);
      }
    } catch (error) {
      if (!(error instanceof ConnectionClosedError)) {
        this.#logger.info({ err: error }, 'the stream to a node broke');
      }
    } finally {
      this.#unwatch();
      clearTimeout(this.#timer);
      clearTimeout(this.#resyncTimer);
      connection.destroy();
      if (this.#isGreeted) registry.disconnected(nodeId);
    }
  }

  /** Cuts the node off at once: revoked, or here on another connection. */
  cut(reason: string): void {
    const { connection } = this.#options;
    connection.sendIfIdle(encodeMessage({ type: 'refused', reason }));
    connection.destroy();
  }

  async #receive(message: NodeMessage): Promise<void> {
    const { nodeId, registry, connection } = this.#options;
    if (!this.#isGreeted && message.type !== 'hello') {
      throw new ProtocolError(`expected hello, not ${message.type}`);
    }
    switch (message.type) {
      case 'hello':
        return this.#greet(message);
      case 'ack':
        return this.#acked(message);
      case 'resync':
        return this.#resync(message.reason);
      case 'alive':
        return registry.healthChanged(nodeId, message.health);
      case 'renew': {
        const certificatePem = await this.#options.renewCertificate(message.csrPem);
        return connection.send(encodeMessage({ type: 'renewed', certificatePem }));
      }
      case 'join':
        throw new ProtocolError('a node that is admitted wants to join');
      default:
        message satisfies never;
    }
  }

  async #greet(hello: HelloMessage): Promise<void> {
    if (this.#isGreeted) throw new ProtocolError('hello for a second time');
    const { connection, feed, keepAliveMs, nodeId, address, registry, version } = this.#options;
    clearTimeout(this.#timer);
    this.#timer = setInterval(() => this.#keepAlive(), keepAliveMs);
    this.#isGreeted = true;
    const head = feed.head;
    this.#held = hello.logId === head?.logId ? (hello.revision ?? 'empty') : 'empty';
    registry.connected(nodeId, address, hello, this.#held);
    const { revision } = hello;
    this.#logger.info({ nodeName: hello.nodeName, address, revision }, 'a node connected');
    if (hello.logId !== undefined && head && hello.logId !== head.logId) {
      this.#logger.warn({ nodeLog: hello.logId, log: head.logId }, 'the node served another log');
    }
    const welcome = { type: 'welcome', minor: protocolMinor, version, keepAliveMs } as const;
    await connection.send(encodeMessage(head ? { ...welcome, head: head.revision } : welcome));
    this.#pump('now');
  }

  #acked(ack: AckMessage): void {
    const { feed, nodeId, registry } = this.#options;
    if (this.#underWay === ack.revision) this.#underWay = undefined;
    const expected = feed.digestAt(ack.revision);
    const isExpected = expected === undefined || expected === ack.digest;
    registry.acked(nodeId, ack, isExpected);
    if (!isExpected) {
      const fields = { revision: ack.revision, digest: ack.digest, expected };
      this.#logger.error(
        fields,
        'ALARM: the node holds another state than its revision stands for',
      );
      this.#resync('digest');
      return;
    }
    if (this.#underWay === undefined) {
      this.#held = ack.revision;
      this.#resyncs = 0;
    }
    this.#pump();
  }

  /** Sends a full snapshot next; again and again only at growing intervals. */
  #resync(reason: string): void {
    this.#logger.warn({ reason, resyncs: this.#resyncs }, 'a node gets a full snapshot again');
    this.#held = 'empty';
    this.#underWay = undefined;
    const delayMs = this.#resyncs === 0 ? 0 : Math.min(100 * 2 ** this.#resyncs, maxResyncDelayMs);
    this.#resyncs += 1;
    clearTimeout(this.#resyncTimer);
    this.#resyncTimer = setTimeout(() => {
      this.#resyncTimer = undefined;
      this.#pump();
    }, delayMs);
  }

  /**
   * Starts the newest snapshot if the node is free for it. One that changes nothing waits for the next
   * that does, or the next sign of life: it would only cost every node a write.
   */
  #pump(when: 'now' | 'if-it-changes-anything' = 'if-it-changes-anything'): void {
    const isBusy =
      this.#isSending || this.#underWay !== undefined || this.#resyncTimer !== undefined;
    if (!this.#isGreeted || isBusy || !this.#options.connection.isOpen) return;
    const { feed } = this.#options;
    const { head } = feed;
    if (head === undefined) return;
    if (this.#held !== 'empty') {
      // A node ahead of this control plane waits until that has caught up with the log.
      const needed = when === 'now' ? head.revision : feed.neededFor(head.revision);
      if (this.#held >= needed) return;
    }
    this.#isSending = true;
    this.#send(this.#held)
      .catch((error: unknown) => this.#sendFailed(error))
      .finally(() => {
        this.#isSending = false;
        this.#pump();
      });
  }

  async #send(from: Revision | 'empty'): Promise<void> {
    const { connection, encoder } = this.#options;
    const snapshot = encoder.snapshotFrom(from);
    if (snapshot === undefined) return;
    this.#underWay = snapshot.to.revision;
    let hasBegun = false;
    try {
      for await (const piece of snapshot.frames) {
        hasBegun = true;
        await connection.send(piece);
      }
    } catch (error) {
      if (!(error instanceof SnapshotOvertakenError)) throw error;
      this.#underWay = undefined;
      if (hasBegun) await connection.send(encodeMessage({ type: 'abort' }));
    }
  }

  #sendFailed(error: unknown): void {
    this.#underWay = undefined;
    if (!(error instanceof ConnectionClosedError)) {
      this.#logger.error({ err: error }, 'a snapshot could not be sent; the node has to reconnect');
    }
    this.#options.connection.destroy();
  }

  #keepAlive(): void {
    const { connection, feed } = this.#options;
    this.#silentIntervals += 1;
    if (this.#silentIntervals > maxSilentIntervals) {
      this.#logger.warn({}, 'a node fell silent and is taken for gone');
      connection.destroy();
      return;
    }
    const head = feed.head;
    connection.sendIfIdle(
      encodeMessage(head ? { type: 'alive', head: head.revision } : { type: 'alive' }),
    );
    this.#pump('now');
  }
}
