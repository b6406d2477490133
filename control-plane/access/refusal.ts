const challenge = 'Bearer realm="signet"';

/** Why a request is turned away at the door. */
export class Refusal extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  private constructor(
    status: number,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.status = status;
    this.headers = headers;
  }

  /** The request has no credential that could be looked at: no error code (RFC 6750 §3.1). */
  static credentialNeeded(message: string): Refusal {
    return new Refusal(401, message, { 'www-authenticate': challenge });
  }

  static invalidToken(message: string): Refusal {
    return new Refusal(401, message, { 'www-authenticate': `${challenge}, error="invalid_token"` });
  }

  static insufficientScope(message: string): Refusal {
    const error = 'error="insufficient_scope"';
    return new Refusal(403, message, { 'www-authenticate': `${challenge}, ${error}` });
  }

  static forbidden(message: string): Refusal {
    return new Refusal(403, message);
  }

  static tooMany(message: string, retryAfterMs: number): Refusal {
    const seconds = String(Math.max(1, Math.ceil(retryAfterMs / 1_000)));
    return new Refusal(429, `${message}: try again in ${seconds} s`, { 'retry-after': seconds });
  }
}
