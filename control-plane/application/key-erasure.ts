import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { CertificateId, KeyId } from '../../shared/gateway-model.js';
import type { Logger } from '../../shared/logger.js';
import type { UnusedKey } from '../domain/state.js';
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
 */
export class KeyErasure {
  readonly #options: KeyErasureOptions;
  readonly #unusedSince = new Map<CertificateId, number>();
  readonly #stopping = new AbortController();
  readonly #unsubscribe: () => void;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #again = false;

  /** Starts at once, with what the state already holds. */
  constructor(options: KeyErasureOptions) {
    this.#options = options;
    this.#unsubscribe = options.folded.onRecorded((_events, before, after) => {
      if (before.keysToErase !== after.keysToErase) this.#wake();
    });
    this.#wake();
  }

  /** Resolves when everything that is due by now is erased. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Lets a running erasure end; what is left is found at the next start. */
  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#stopping.abort();
    clearTimeout(this.#timer);
    await this.idle();
  }

  #wake(): void {
    this.#again = true;
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    // One turn of the loop: a key that is only passed on from one plugin to another is in use again.
    await new Promise(setImmediate);
    while (this.#again && !this.#stopping.signal.aborted) {
      this.#again = false;
      for (const certificateId of this.#due()) {
        if (!this.#stopping.signal.aborted) await this.#erase(certificateId);
      }
    }
    // In the same turn as the last look at `again`: no wake-up slips in between.
    this.#running = undefined;
  }

  /** Unused keys whose time has come; sets the timer for the others. */
  #due(): readonly CertificateId[] {
    const { folded, clock, replacedKeyRetentionMs } = this.#options;
    const now = clock();
    const due: CertificateId[] = [];
    let nextAt = Number.POSITIVE_INFINITY;
    for (const id of this.#unusedSince.keys()) {
      if (!folded.state.keysToErase.has(id)) this.#unusedSince.delete(id);
    }
    for (const [id, unused] of folded.state.keysToErase) {
      const since = this.#unusedSince.get(id) ?? now;
      this.#unusedSince.set(id, since);
      const at = since + retentionOf(unused, replacedKeyRetentionMs);
      if (at <= now) due.push(id);
      else nextAt = Math.min(nextAt, at);
    }
    clearTimeout(this.#timer);
    if (Number.isFinite(nextAt)) {
      this.#timer = setTimeout(() => this.#wake(), Math.min(nextAt - now, longestTimerMs));
      this.#timer.unref();
    }
    return due;
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
      this.#again = true;
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

  async #pause(ms: number): Promise<void> {
    // Aborted by `stop`: the loops above end by themselves.
    await delay(ms, undefined, { signal: this.#stopping.signal, ref: false }).catch(() => {});
  }
}

function retentionOf({ cause }: UnusedKey, replacedKeyRetentionMs: number): number {
  return cause === 'replaced' ? replacedKeyRetentionMs : 0;
}
