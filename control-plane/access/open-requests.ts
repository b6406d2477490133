import type { ServerResponse } from 'node:http';
import type { Clock } from '../ports/clock.js';
import type { Credential } from './credential.js';

/** The longest that a timer can wait. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * Answers under way, by the credential that let them in. An event stream may be open for days: it ends
 * when its credential is revoked or expires, not when the client chooses to.
 */
export class OpenRequests {
  readonly #byCredential = new Map<string, Set<ServerResponse>>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(credential: Credential, response: ServerResponse): void {
    const open = this.#byCredential.get(credential.id) ?? new Set();
    this.#byCredential.set(credential.id, open.add(response));
    const timer = this.#endAtExpiry(credential, response);
    response.once('close', () => {
      clearTimeout(timer);
      open.delete(response);
      if (open.size === 0) this.#byCredential.delete(credential.id);
    });
  }

  /** Cuts off what has begun to be answered. A request not yet answered was let in rightly and ends. */
  cut(credentialId: string): void {
    for (const response of this.#byCredential.get(credentialId) ?? []) {
      if (response.headersSent) response.destroy();
    }
  }

  #endAtExpiry({ expiresAt }: Credential, response: ServerResponse): NodeJS.Timeout | undefined {
    if (expiresAt === undefined) return undefined;
    const leftMs = expiresAt - this.#clock();
    if (leftMs > longestTimerMs) return undefined;
    return setTimeout(() => response.destroy(), leftMs).unref();
  }
}
