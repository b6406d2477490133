import { GatewayError } from '../../shared/errors.js';
import type { KeyId } from '../../shared/gateway-model.js';

/** No key of that id can be opened (any more). */
export class KeyErasedError extends GatewayError {
  readonly code = 'SIGNET_KEY_ERASED';
  readonly keyId: KeyId;

  constructor(keyId: KeyId) {
    super(`the key vault holds no key ${keyId}: it was erased, or never stored`);
    this.keyId = keyId;
  }
}

/** A key of that id was stored before; keys never change in place. */
export class KeyExistsError extends GatewayError {
  readonly code = 'SIGNET_KEY_EXISTS';
  readonly keyId: KeyId;

  constructor(keyId: KeyId) {
    super(`the key vault already knows key ${keyId}`);
    this.keyId = keyId;
  }
}

/** A sealed key does not open: altered bytes, or a master key that never wrapped it. */
export class KeyUnreadableError extends GatewayError {
  readonly code = 'SIGNET_KEY_UNREADABLE';
  readonly keyId: KeyId;

  constructor(keyId: KeyId, reason: string, options?: ErrorOptions) {
    super(`key ${keyId} in the key vault cannot be opened: ${reason}`, options);
    this.keyId = keyId;
  }
}

/** The store behind the vault did not answer; the same call may be tried again. */
export class VaultUnavailableError extends GatewayError {
  readonly code = 'SIGNET_VAULT_UNAVAILABLE';
}

/** The vault was closed by this process. */
export class VaultClosedError extends GatewayError {
  readonly code = 'SIGNET_VAULT_CLOSED';

  constructor() {
    super('the key vault is closed');
  }
}

/** The master key cannot be had, or is not fit for use. */
export class MasterKeyError extends GatewayError {
  readonly code = 'SIGNET_MASTER_KEY';
}
