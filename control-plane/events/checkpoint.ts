import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { canonicalJson } from '../../shared/canonical-json.js';
import { type Revision, revision } from '../../shared/revision.js';

/**
 * A signed statement: at this time, the log with this id ended at this revision with this hash. The
 * hash chain shows a change inside a log; a checkpoint also shows a log that was cut short or written
 * anew from some point on, to everyone who holds the public key and a copy of the checkpoint.
 */
export interface Checkpoint {
  readonly logId: string;
  readonly revision: Revision;
  readonly hash: string;
  /** RFC 3339, UTC, milliseconds; the signer's clock. */
  readonly time: string;
  /** Ed25519, Base64. */
  readonly signature: string;
}

export function signCheckpoint(
  privateKey: KeyObject,
  statement: Omit<Checkpoint, 'signature'>,
): Checkpoint {
  const { logId, revision: at, hash, time } = statement;
  const signature = sign(null, signedBytes({ logId, revision: at, hash, time }), privateKey);
  return { logId, revision: at, hash, time, signature: signature.toString('base64') };
}

/** Whether the holder of the private key signed exactly this. */
export function isGenuine(checkpoint: Checkpoint, publicKey: KeyObject): boolean {
  const { signature, ...statement } = checkpoint;
  return verify(null, signedBytes(statement), publicKey, Buffer.from(signature, 'base64'));
}

/** @throws TypeError for a key that is not Ed25519. */
export function parsePublicKey(pem: string): KeyObject {
  const key = createPublicKey(pem);
  if (key.asymmetricKeyType !== 'ed25519')
    throw new TypeError('a checkpoint key is an Ed25519 key');
  return key;
}

/** One line of a checkpoint file; `undefined` if it is none. */
export function parseCheckpoint(line: string): Checkpoint | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  return checkpointForm.Check(value) ? { ...value, revision: revision(value.revision) } : undefined;
}

const checkpointForm = Compile(
  Type.Object(
    {
      logId: Type.String(),
      revision: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
      hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
      time: Type.String(),
      signature: Type.String(),
    },
    { additionalProperties: false },
  ),
);

function signedBytes(statement: Omit<Checkpoint, 'signature'>): Buffer {
  const { logId, revision: at, hash, time } = statement;
  return Buffer.from(`signet checkpoint 1\0${canonicalJson({ logId, revision: at, hash, time })}`);
}
