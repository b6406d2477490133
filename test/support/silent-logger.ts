import type { Logger } from '../../shared/logger.js';

/** For tests whose subject logs, and nobody looks. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
