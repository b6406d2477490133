import {
  createJoinToken,
  formatJoinToken,
  hashJoinSecret,
  type JoinToken,
} from '../../shared/join-token.js';
import type { GrantLog } from '../access/grant-log.js';

/** Tokens that let one node in each, at whichever control plane of the cluster. Stored hashed only. */
export class JoinTokens {
  readonly #log: GrantLog;

  constructor(log: GrantLog) {
    this.#log = log;
  }

  async issue(caFingerprint256: string, expiresAt: number): Promise<string> {
    const token = createJoinToken(caFingerprint256);
    await this.#store(hashJoinSecret(token), expiresAt);
    return formatJoinToken(token);
  }

  /**
   * Spends a token; `undefined` if it is unknown, spent or expired. Of two at a time, at one control plane
   * or two, one gets it.
   * @returns what makes it good again.
   */
  async spend(token: JoinToken, now: number): Promise<(() => Promise<void>) | undefined> {
    const secretHash = hashJoinSecret(token);
    let expiresAt = 0;
    const spent = await this.#log.record(({ joinTokens }) => {
      expiresAt = joinTokens.get(secretHash) ?? 0;
      return expiresAt > now ? { type: 'JoinTokenSpent', secretHash } : undefined;
    });
    return spent && (() => this.#store(secretHash, expiresAt));
  }

  async #store(secretHash: string, expiresAt: number): Promise<void> {
    await this.#log.record(() => ({ type: 'JoinTokenIssued', secretHash, expiresAt }));
  }
}
