/**
 * Structured log, written to standard error. The fields come first, then the message, as in pino,
 * whose loggers fit this type. Never pass PEM, keys, tokens or bodies.
 */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: Record<string, unknown>): Logger;
}
