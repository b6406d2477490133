import { createHash, randomBytes } from 'node:crypto';

/**
 * What a node needs to join: whom to trust (the SHA-256 of the cluster CA's certificate) and a secret
 * that the control plane knows the hash of. Printed once; as text `signet-join-1.<ca>.<secret>`.
 */
export interface JoinToken {
  /** 64 lower-case hex digits. */
  readonly caFingerprint256: string;
  readonly secret: string;
}

const prefix = 'signet-join-1';

export function createJoinToken(caFingerprint256: string): JoinToken {
  return { caFingerprint256, secret: randomBytes(32).toString('base64url') };
}

export function formatJoinToken({ caFingerprint256, secret }: JoinToken): string {
  return `${prefix}.${caFingerprint256}.${secret}`;
}

/** `undefined` if the text is no join token of this version. */
export function parseJoinToken(text: string): JoinToken | undefined {
  const match = /^signet-join-1\.([0-9a-f]{64})\.([A-Za-z0-9_-]{43})$/.exec(text.trim());
  const [, caFingerprint256, secret] = match ?? [];
  return caFingerprint256 && secret ? { caFingerprint256, secret } : undefined;
}

/** What is stored of a token. Its secret has 256 random bits, so a plain hash can't be searched. */
export function hashJoinSecret({ secret }: JoinToken): string {
  return createHash('sha256').update(secret).digest('hex');
}
