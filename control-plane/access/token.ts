import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Brand } from '../../shared/brand.js';

/** The public part of a token: names it in lists and logs, finds its row. 16 lower-case hex digits. */
export type TokenId = Brand<string, 'TokenId'>;

/** What the store keeps of a token. Of no use to whoever reads it. */
export interface TokenDigest {
  readonly salt: Uint8Array;
  /** HMAC-SHA-256 of the secret part under the salt. */
  readonly hash: Uint8Array;
}

export interface MintedToken {
  readonly id: TokenId;
  /** The whole token. Shown once to whoever asked for it, then gone. */
  readonly text: string;
  readonly digest: TokenDigest;
}

export interface PresentedToken {
  readonly id: TokenId;
  readonly secret: string;
}

/** The prefix lets secret scanners find a token that went where it should not. */
const tokenPattern = /^sgt_([0-9a-f]{16})_([0-9A-Za-z_-]{43})$/;

/**
 * A fresh token of 256 random bits. That is why its hash need not be slow: scrypt and the like make
 * guessing *weak* secrets dear, and would cost every admin request what they cost a guesser. Nobody
 * finds 256 random bits at any speed; the salt keeps equal tokens from having equal hashes.
 */
export function mintToken(): MintedToken {
  const id = randomBytes(8).toString('hex') as TokenId;
  const secret = randomBytes(32).toString('base64url');
  return { id, text: `sgt_${id}_${secret}`, digest: digestToken(secret, randomBytes(16)) };
}

/** `undefined` if `text` cannot be a token of ours. */
export function parseToken(text: string): PresentedToken | undefined {
  const [, id, secret] = tokenPattern.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id: id as TokenId, secret };
}

/**
 * Takes the same time for a right and a wrong secret, and for a token that does not exist, whose digest
 * is `undefined`: it is compared with one that nothing matches.
 */
export function isTokenOf(digest: TokenDigest | undefined, secret: string): boolean {
  const { salt, hash } = digest ?? unmatched;
  return timingSafeEqual(digestToken(secret, salt).hash, hash) && digest !== undefined;
}

function digestToken(secret: string, salt: Uint8Array): TokenDigest {
  return { salt, hash: createHmac('sha256', salt).update(secret).digest() };
}

const unmatched: TokenDigest = { salt: randomBytes(16), hash: randomBytes(32) };
