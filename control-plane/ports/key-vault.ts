import type { KeyId } from '../../shared/gateway-model.js';

/**
 * Where private keys lie, apart from the log. Each key is sealed (AES-256-GCM) under a data key of
 * its own, which is wrapped by the master key. Erasing the data key makes every copy unreadable.
 */
export interface KeyVault {
  /**
   * Seals and stores a private key. Durable when the promise resolves. A second put of the same id
   * is an error: keys never change in place.
   */
  put(keyId: KeyId, keyPem: string): Promise<void>;
  /** The PEM as it was put. @throws KeyErasedError if there is none (any more). */
  open(keyId: KeyId): Promise<string>;
  /** Destroys the data key and the sealed key. Erasing one that is not there is no error. */
  erase(keyId: KeyId): Promise<void>;
  /** Every id that can still be opened, in no order. */
  list(): AsyncIterable<KeyId>;
  close(): Promise<void>;
}
