/** Why a request is turned away at the door. */
export class Refusal extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** How long the answer waits, so that a flood does not come back the faster for being refused. */
  readonly heldMs: number;

  private constructor(
    status: number,
    message: string,
    headers: Readonly<Record<string, string>> = {},
    heldMs = 0,
  ) {
    super(message);
    this.heldMs = heldMs;
    this.status = status;
    this.headers = headers;
  }

  static unauthorized(message: string): Refusal {
    return new Refusal(401, message, { 'www-authenticate': 'Bearer realm="signet"' });
  }

  static forbidden(message: string): Refusal {
    return new Refusal(403, message);
  }

  static tooMany(message: string, retryAfterMs: number): Refusal {
    return new Refusal(429, untilThen(message, retryAfterMs), retryAfter(retryAfterMs));
  }

  /** As `tooMany`, answered late: who does not wait by itself is made to. */
  static tooFast(message: string, retryAfterMs: number): Refusal {
    return new Refusal(
      429,
      untilThen(message, retryAfterMs),
      retryAfter(retryAfterMs),
      floodHeldMs,
    );
  }
}

const floodHeldMs = 1_000;
const inSeconds = (ms: number) => String(Math.max(1, Math.ceil(ms / 1_000)));
const untilThen = (message: string, ms: number) => `${message}: try again in ${inSeconds(ms)} s`;
const retryAfter = (ms: number) => ({ 'retry-after': inSeconds(ms) });
