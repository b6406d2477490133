import type { ServerResponse } from 'node:http';

/** How often the right of what is open is looked at anew, for changes that another process made. */
const reviewMs = 1_000;

/**
 * Answers under way, with what tells whether their caller would still be let in. An event stream may be
 * open for days: it ends soon after its credential was revoked or expired, or after the first credential
 * ended development mode; not when the client chooses to.
 */
export class OpenRequests {
  readonly #open = new Map<ServerResponse, () => boolean>();
  readonly #timer = setInterval(() => this.review(), reviewMs).unref();

  add(response: ServerResponse, isStillAdmitted: () => boolean): void {
    this.#open.set(response, isStillAdmitted);
    response.once('close', () => this.#open.delete(response));
  }

  /** Cuts off what has begun to be answered. A request not yet answered was let in rightly and ends. */
  review(): void {
    for (const [response, isStillAdmitted] of this.#open) {
      if (response.headersSent && !isStillAdmitted()) response.destroy();
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
