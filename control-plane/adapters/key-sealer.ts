import { createHash, randomBytes } from 'node:crypto';
import type { KeyId } from '../../shared/gateway-model.js';
import type { MasterKey, MasterKeyring } from '../ports/key-vault.js';
import { KeyUnreadableError } from '../ports/key-vault-errors.js';
import { seal, unseal } from './sealing.js';

/** A private key as a vault stores it. */
export interface SealedKey {
  /** Sealed under the data key. */
  readonly sealedPem: Uint8Array;
  /** The data key, sealed under the master key. */
  readonly wrappedKey: Uint8Array;
  readonly masterKeyId: string;
}

export function masterKey(bytes: Uint8Array): MasterKey {
  if (bytes.byteLength !== 32) throw new RangeError('a master key has 32 bytes');
  const digest = createHash('sha256').update('signet master key id\0').update(bytes).digest('hex');
  return { id: digest.slice(0, 16), bytes };
}

/** Seals a private key under a data key of its own; both are bound to the key's id. */
export function sealKey(ring: MasterKeyring, keyId: KeyId, keyPem: string): SealedKey {
  const dataKey = randomBytes(32);
  const plaintext = Buffer.from(keyPem, 'utf8');
  try {
    return {
      sealedPem: seal(dataKey, pemContext(keyId), plaintext),
      wrappedKey: seal(ring.current.bytes, dataKeyContext(keyId), dataKey),
      masterKeyId: ring.current.id,
    };
  } finally {
    dataKey.fill(0);
    plaintext.fill(0);
  }
}

/** @throws KeyUnreadableError */
export function openKey(ring: MasterKeyring, keyId: KeyId, sealed: SealedKey): string {
  const dataKey = unwrap(ring, keyId, sealed);
  try {
    const plaintext = unseal(dataKey, pemContext(keyId), sealed.sealedPem);
    const keyPem = plaintext.toString('utf8');
    plaintext.fill(0);
    return keyPem;
  } catch (cause) {
    throw new KeyUnreadableError(keyId, 'its bytes were altered', { cause });
  } finally {
    dataKey.fill(0);
  }
}

/** The same sealed key with its data key wrapped by the current master key. */
export function rewrapKey(ring: MasterKeyring, keyId: KeyId, sealed: SealedKey): SealedKey {
  const dataKey = unwrap(ring, keyId, sealed);
  try {
    return {
      sealedPem: sealed.sealedPem,
      wrappedKey: seal(ring.current.bytes, dataKeyContext(keyId), dataKey),
      masterKeyId: ring.current.id,
    };
  } finally {
    dataKey.fill(0);
  }
}

function unwrap(ring: MasterKeyring, keyId: KeyId, sealed: SealedKey): Buffer {
  const master = [ring.current, ...ring.previous].find(({ id }) => id === sealed.masterKeyId);
  if (master === undefined) {
    throw new KeyUnreadableError(
      keyId,
      `it was sealed under master key ${sealed.masterKeyId}, which is not among those given`,
    );
  }
  try {
    return unseal(master.bytes, dataKeyContext(keyId), sealed.wrappedKey);
  } catch (cause) {
    throw new KeyUnreadableError(keyId, 'the bytes of its data key were altered', { cause });
  }
}

const pemContext = (keyId: KeyId) => `signet private key ${keyId}`;
const dataKeyContext = (keyId: KeyId) => `signet data key ${keyId}`;
