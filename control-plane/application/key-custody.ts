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

  /** Stores every key that came with the command and is not stored yet. Durable once resolved. */
  async store(): Promise<void> {
    for (const [keyId, material] of this.#materials) {
      if (this.#stored.has(keyId)) continue;
      const keyPem =
        material.kind === 'pem' ? material.keyPem : await this.#vault.open(material.of);
      await this.#vault.put(keyId, keyPem);
      this.#stored.add(keyId);
    }
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
