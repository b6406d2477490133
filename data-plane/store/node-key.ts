import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { NodeKeyError } from './errors.js';

const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

/** Seals what the node's store holds of private keys: AES-256-GCM under a key that never leaves the node. */
export interface NodeKey {
  /** Nonce, tag and ciphertext. `name` is bound to it: a sealed text moved to another name won't open. */
  seal(text: string, name: string): Buffer;
  /** `undefined` if it was sealed under another key or name, or is damaged. */
  unseal(sealed: Buffer, name: string): string | undefined;
}

/**
 * Reads the node's key in its data directory, or makes one at first start (mode 0600, written through
 * to the disk).
 * @throws NodeKeyError if others may read the file or it holds no key.
 */
export function openNodeKey(dataDirectory: string): NodeKey {
  const path = join(dataDirectory, 'node.key');
  return nodeKey(readKey(path) ?? createKey(path));
}

export function nodeKey(secret: Buffer): NodeKey {
  return {
    seal(text, name) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', secret, nonce).setAAD(Buffer.from(name));
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
    },
    unseal(sealed, name) {
      // Out of a damaged file anything may come, also nothing.
      if (!(sealed instanceof Uint8Array) || sealed.length < nonceBytes + tagBytes) {
        return undefined;
      }
      const cipher = createDecipheriv('aes-256-gcm', secret, sealed.subarray(0, nonceBytes), {
        authTagLength: tagBytes,
      })
        .setAAD(Buffer.from(name))
        .setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes));
      const text = cipher.update(sealed.subarray(nonceBytes + tagBytes));
      try {
        return Buffer.concat([text, cipher.final()]).toString('utf8');
      } catch {
        return undefined; // The tag does not match: the answer that this function promises.
      }
    },
  };
}

function readKey(path: string): Buffer | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if ((stat.mode & 0o077) !== 0) {
    throw new NodeKeyError(`others may read the node key ${path}: run chmod 600 on it`);
  }
  const key = readFileSync(path);
  if (key.length !== keyBytes) {
    throw new NodeKeyError(`${path} holds no node key: remove it, and the node makes a new one`);
  }
  return key;
}

function createKey(path: string): Buffer {
  const key = randomBytes(keyBytes);
  const file = openSync(path, 'wx', 0o600);
  try {
    writeSync(file, key);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return key;
}
