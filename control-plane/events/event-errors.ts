import { GatewayError } from '../../shared/errors.js';
import type { Revision } from '../../shared/revision.js';

/** An event in the log is not one that this version of Signet can read. */
export class EventUnreadableError extends GatewayError {
  readonly code = 'SIGNET_EVENT_UNREADABLE';
  readonly revision: Revision;

  constructor(revision: Revision, reason: string, options?: ErrorOptions) {
    super(`event at revision ${revision}: ${reason}`, options);
    this.revision = revision;
  }
}

/** From this revision on the log is not what was written: changed, removed, inserted or reordered. */
export class EventChainBrokenError extends GatewayError {
  readonly code = 'SIGNET_EVENT_CHAIN_BROKEN';
  readonly revision: Revision;

  constructor(revision: Revision, reason: string) {
    super(
      `event at revision ${revision}: ${reason}; the log was altered or damaged from here on, ` +
        'see `signet log verify`',
    );
    this.revision = revision;
  }
}

/** An export file cannot be imported: it is none, was cut short or altered, or is of another log. */
export class LogImportError extends GatewayError {
  readonly code = 'SIGNET_LOG_IMPORT';
}
