import type { KeyId } from '../../shared/gateway-model.js';

/** 256 random bits that wrap every data key of a vault. Kept outside the vault. */
export interface MasterKey {
  /** Tells master keys from each other; derived from the key, says nothing about it. */
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** The master keys a vault may use: new data keys are wrapped by `current`, older ones still open. */
export interface MasterKeyring {
  readonly current: MasterKey;
  readonly previous: readonly MasterKey[];
}

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
  /**
   * Every id that can still be opened, in no order; perhaps also one whose put or erase was cut short,
   * which `erase` settles.
   */
  list(): AsyncIterable<KeyId>;
  close(): Promise<void>;
}

/** A vault whose master key can be changed while it serves. */
export interface RotatingKeyVault extends KeyVault {
  /**
   * Wraps every data key with `masterKeys.current`, while puts and opens go on; from now on new ones
   * too. A crash leaves every key readable under one of the ring's keys; run it again to finish. Once
   * it resolves, no data key is wrapped by another master key.
   */
  rewrap(masterKeys: MasterKeyring): Promise<void>;
}
