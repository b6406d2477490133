import type { Logger } from '../../shared/logger.js';
import type { MasterKeyring, RotatingKeyVault } from '../ports/key-vault.js';
import { MasterKeyError } from '../ports/key-vault-errors.js';
import {
  beginMasterKeyRotation,
  finishMasterKeyRotation,
  isMasterKeyRotationPending,
  loadMasterKeys,
  type MasterKeySource,
} from './master-key.js';

export interface MasterKeyRotationOptions {
  readonly source: MasterKeySource;
  /** As loaded from the source when the vault was opened. */
  readonly masterKeys: MasterKeyring;
  readonly vault: RotatingKeyVault;
  /** Whether other control planes open the same vault with master keys of their own configuration. */
  readonly isVaultShared: boolean;
  readonly logger: Logger;
}

/**
 * Changes the master key while the vault serves. With a key file: the next key is stored beside the
 * current one, every data key is wrapped anew, then the next key takes the file's place. A crash at any
 * point leaves both keys on disk until `resume` has finished the work. With a value or a command the
 * operator gives two keys, the new one first; `resume` or `rotate` wraps everything by the first.
 */
export class MasterKeyRotation {
  readonly #options: MasterKeyRotationOptions;
  #masterKeys: MasterKeyring;
  #running: Promise<void> | undefined;

  constructor(options: MasterKeyRotationOptions) {
    this.#options = options;
    this.#masterKeys = options.masterKeys;
  }

  get masterKeyId(): string {
    return this.#masterKeys.current.id;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Finishes a rotation that was begun: by a file beside the key file, or by a second key given. */
  async resume(): Promise<void> {
    if (this.#masterKeys.previous.length > 0) await this.#run(async () => this.#masterKeys);
  }

  /**
   * Resolves when every data key is wrapped by the new master key.
   * @throws MasterKeyError if there is no new key to change to
   */
  async rotate(): Promise<void> {
    await this.#run(() => this.#nextKeys());
  }

  async #nextKeys(): Promise<MasterKeyring> {
    const { source, isVaultShared } = this.#options;
    if (source.kind === 'file' && !isVaultShared) return beginMasterKeyRotation(source.path);
    const masterKeys = source.kind === 'file' ? this.#masterKeys : await loadMasterKeys(source);
    if (masterKeys.previous.length > 0) return masterKeys;
    throw new MasterKeyError(
      isVaultShared
        ? 'other control planes share this vault: give every one of them both keys, the new one ' +
            'first (master_key as env: or command:), then start them anew one after the other'
        : 'the source of the master key gives one key: let it give two, the new one first',
    );
  }

  #run(masterKeys: () => Promise<MasterKeyring>): Promise<void> {
    this.#running ??= this.#rewrap(masterKeys).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #rewrap(load: () => Promise<MasterKeyring>): Promise<void> {
    const { source, vault, logger } = this.#options;
    this.#masterKeys = await load();
    const { current } = this.#masterKeys;
    await vault.rewrap(this.#masterKeys);
    if (source.kind === 'file' && (await isMasterKeyRotationPending(source.path))) {
      this.#masterKeys = await finishMasterKeyRotation(source.path);
      // Nothing is wrapped by the old key any more: forget it.
      await vault.rewrap(this.#masterKeys);
    }
    logger.info({ masterKeyId: current.id }, 'every data key is wrapped by the current master key');
  }
}
