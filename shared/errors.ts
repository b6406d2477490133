/**
 * Base of every error that Signet raises on purpose. `code` is stable and listed in docs/errors.md;
 * `message` says what failed and what to do, and never holds PEM, keys, tokens or whole bodies.
 */
export abstract class GatewayError extends Error {
  abstract readonly code: `SIGNET_${string}`;
  override get name(): string {
    return this.constructor.name;
  }
}
