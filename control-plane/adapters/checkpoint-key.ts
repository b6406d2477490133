import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { GatewayError } from '../../shared/errors.js';
import { readPrivateFile } from '../../shared/private-file.js';
import { createFileAtomically } from '../../shared/write-file.js';

/** The key that signs checkpoints cannot be had, or is not fit for use. */
export class CheckpointKeyError extends GatewayError {
  readonly code = 'SIGNET_CHECKPOINT_KEY';
}

/**
 * The Ed25519 key at `path`, made at first start. Its public half lies beside it as `<path>.pub`, for
 * whoever verifies the log elsewhere.
 */
export async function loadCheckpointKey(path: string): Promise<KeyObject> {
  let file = await readPrivateFile(path);
  if (file.status === 'missing') {
    const { privateKey } = generateKeyPairSync('ed25519');
    const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await createFileAtomically(path, pem, 0o600);
    file = await readPrivateFile(path);
  }
  if (file.status !== 'read') {
    throw new CheckpointKeyError(
      `others may read the checkpoint key ${path}: run "chmod 600 ${path}", or remove it for a new one`,
    );
  }
  const privateKey = parse(file.content, path);
  const publicPem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' });
  await writeFile(`${path}.pub`, publicPem);
  return privateKey;
}

function parse(pem: string, path: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Told below; the cause may quote the key.
  }
  throw new CheckpointKeyError(`${path} holds no Ed25519 private key; remove it for a new one`);
}
