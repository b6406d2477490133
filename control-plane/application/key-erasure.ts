import { randomUUID } from 'node:crypto';
import type { RecordedEvent } from '../../shared/events.js';
import type { CertificateId, KeyId, PluginId } from '../../shared/gateway-model.js';
import type { Logger } from '../../shared/logger.js';
import { pauseUntilAborted } from '../../shared/pause.js';
import type { GatewayState, UnusedKey } from '../domain/state.js';
import type { Clock } from '../ports/clock.js';
import type { KeyVault } from '../ports/key-vault.js';
import type { CommandHandler } from './command-handler.js';
import type { FoldedLog } from './folded-log.js';

export interface KeyErasureOptions {
  readonly folded: FoldedLog;
  readonly handler: CommandHandler;
  readonly vault: KeyVault;
  readonly clock: Clock;
  readonly logger: Logger;
  /**
   * How long the key of a replaced certificate stays, so that its rotation can be rolled back, in
   * milliseconds. Keys whose last use was deleted go at once. Counts anew after a restart.
   */
  readonly replacedKeyRetentionMs: number;
}

const longestTimerMs = 2 ** 31 - 1;

/**
 * Erases keys that nothing uses any more. For each: KeyErased is recorded, which nobody can take back,
 * then the vault forgets the key. If the process dies in between, the next start's sweep finds it.
 *
 * A hundred thousand rotations leave as many keys waiting, so each event is looked at by itself and the
 * waiting are never gone through as a whole: they lie in the order in which they fall due.
 */
export class KeyErasure {
  readonly #options: KeyErasureOptions;
  /** Keys that go at once. */
  readonly #due = new Set<CertificateId>();
  /** Keys of replaced certificates by the time they fall due, soonest first. */
  readonly #waiting = new Map<CertificateId, number>();
  readonly #stopping = new AbortController();
  readonly #unsubscribe: () => void;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  /** Starts at once, with what the state already holds. */
  constructor(options: KeyErasureOptions) {
    this.#options = options;
    const { folded } = options;
    for (const [id, unused] of folded.state.keysToErase) this.#note(id, unused);
    this.#unsubscribe = folded.onRecorded((events, before, after) => {
      if (before.keysToErase === after.keysToErase) return;
      for (const id of touchedCertificates(events, before)) {
        this.#note(id, after.keysToErase.get(id));
      }
      this.#wake();
    });
    this.#wake();
  }

  /** Resolves when everything that is due by now is erased. */
  async idle(): Promise<void> {
    this.#wake();
    while (this.#running !== undefined) await this.#running;
  }

  /** Lets a running erasure end; what is left is found at the next start. */
  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#stopping.abort();
    clearTimeout(this.#timer);
    while (this.#running !== undefined) await this.#running;
  }

  #note(id: CertificateId, unused: UnusedKey | undefined): void {
    this.#due.delete(id);
    this.#waiting.delete(id);
    if (unused === undefined) return;
    const { clock, replacedKeyRetentionMs } = this.#options;
    if (unused.cause === 'deleted' || replacedKeyRetentionMs === 0) this.#due.add(id);
    else this.#waiting.set(id, clock() + replacedKeyRetentionMs);
  }

  #wake(): void {
    if (!this.#stopping.signal.aborted) this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    // One turn of the loop: a key that is only passed on from one plugin to another is in use again.
    await new Promise(setImmediate);
    for (let id = this.#next(); id !== undefined; id = this.#next()) {
      if (this.#stopping.signal.aborted) break;
      await this.#erase(id);
    }
    // In the same turn as the last look at what is due: no wake-up slips in between.
    this.#running = undefined;
  }

  /** Takes a key that is due, or sets the timer for the one that will be first. */
  #next(): CertificateId | undefined {
    const [due] = this.#due;
    if (due !== undefined) {
      this.#due.delete(due);
      return due;
    }
    const [soonest] = this.#waiting;
    if (soonest === undefined) return undefined;
    const [id, at] = soonest;
    const leftMs = at - this.#options.clock();
    if (leftMs <= 0) {
      this.#waiting.delete(id);
      return id;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#wake(), Math.min(leftMs, longestTimerMs)).unref();
    return undefined;
  }

  async #erase(certificateId: CertificateId): Promise<void> {
    const { handler, logger } = this.#options;
    try {
      const outcome = await handler.execute(
        { type: 'EraseKey', certificateId },
        { actor: 'system', correlationId: randomUUID() },
      );
      if (outcome.status !== 'recorded') return;
      for (const { event } of outcome.events) {
        if (event.type === 'KeyErased') await this.#forget(event.data.keyId);
      }
    } catch (error) {
      logger.warn({ err: error, certificateId }, 'a key could not be given up, trying again');
      await this.#pause(1000);
      this.#due.add(certificateId);
    }
  }

  async #forget(keyId: KeyId): Promise<void> {
    const { vault, logger } = this.#options;
    for (let attempt = 1; !this.#stopping.signal.aborted; attempt++) {
      try {
        await vault.erase(keyId);
        return;
      } catch (error) {
        logger.warn({ err: error, keyId, attempt }, 'the vault did not erase a key, trying again');
        await this.#pause(Math.min(100 * 2 ** attempt, 10_000));
      }
    }
  }

  /** Aborted by `stop`: the loops above end by themselves. */
  #pause(ms: number): Promise<void> {
    return pauseUntilAborted(ms, this.#stopping.signal, { ref: false });
  }
}

/** Certificates that the events bound, uploaded or let go. */
function touchedCertificates(
  events: readonly RecordedEvent[],
  before: GatewayState,
): ReadonlySet<CertificateId> {
  const touched = new Set<CertificateId>();
  const touchPlugin = (id: PluginId | undefined) => {
    const plugin = id === undefined ? undefined : before.plugins.get(id);
    if (plugin !== undefined) touched.add(plugin.config.certificateId);
  };
  for (const { event } of events) {
    switch (event.type) {
      case 'PluginAdded':
      case 'PluginUpdated':
        touchPlugin(event.data.plugin.id);
        touched.add(event.data.plugin.config.certificateId);
        break;
      case 'PluginDeleted':
        touchPlugin(event.data.pluginId);
        break;
      case 'ApiDeleted':
        touchPlugin(before.pluginIdByScope.get(event.data.apiId));
        break;
      case 'CertUploaded':
        touched.add(event.data.certificate.id);
        break;
      case 'KeyErased':
        touched.add(event.data.certificateId);
        break;
      default:
    }
  }
  return touched;
}
