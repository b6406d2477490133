import type { GatewayEvent } from '../../shared/events.js';
import type { KeyId } from '../../shared/gateway-model.js';
import type { Logger } from '../../shared/logger.js';
import type { KeyVault } from '../ports/key-vault.js';

/** Where the private key of an upload comes from: the upload itself, or a key that is stored already. */
export type KeyMaterial =
  | { readonly kind: 'pem'; readonly keyPem: string }
  | { readonly kind: 'copy'; readonly of: KeyId };

/** Key by the id it is to be stored under. */
export type KeyMaterials = ReadonlyMap<KeyId, KeyMaterial>;

/**
 * The keys of one command on their way into the vault: stored before the event that names them is
 * appended, taken back if it never was.
 */
export class KeyCustody {
  readonly #vault: KeyVault;
  readonly #materials: KeyMaterials;
  readonly #stored = new Set<KeyId>();

  constructor(vault: KeyVault, materials: KeyMaterials) {
    this.#vault = vault;
    this.#materials = materials;
  }

  /** Whether the key that each upload among the events names lies in the vault. */
  holdsKeysOf(events: readonly GatewayEvent[]): boolean {
    return keysOf(events).every((keyId) => this.#stored.has(keyId));
  }

  /**
   * Stores the keys of the uploads among `events`, together: they may share one disk sync. Durable once
   * resolved. @throws Error the first one's, once all are settled
   */
  async store(events: readonly GatewayEvent[]): Promise<void> {
    const missing = keysOf(events).filter((keyId) => !this.#stored.has(keyId));
    const settled = await Promise.allSettled(missing.map((keyId) => this.#storeOne(keyId)));
    for (const each of settled) if (each.status === 'rejected') throw each.reason;
  }

  async #storeOne(keyId: KeyId): Promise<void> {
    const material = this.#materials.get(keyId);
    // It does not come into the vault by itself; `holdsKeysOf` tells.
    if (material === undefined) return;
    const keyPem = material.kind === 'pem' ? material.keyPem : await this.#vault.open(material.of);
    await this.#vault.put(keyId, keyPem);
    this.#stored.add(keyId);
  }

  /** Erases what the recorded events do not name. A failure leaves an orphan for the next sweep. */
  async release(recorded: readonly GatewayEvent[], logger: Logger): Promise<void> {
    const named = new Set(keysOf(recorded));
    for (const keyId of this.#stored) {
      if (named.has(keyId)) continue;
      try {
        await this.#vault.erase(keyId);
      } catch (error) {
        logger.warn(
          { err: error, keyId },
          'an unused key was left in the vault, a sweep erases it',
        );
      }
    }
    this.#stored.clear();
  }
}

function keysOf(events: readonly GatewayEvent[]): readonly KeyId[] {
  return events.flatMap((event) =>
    event.type === 'CertUploaded' ? [event.data.certificate.keyId] : [],
  );
}
