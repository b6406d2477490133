import { GatewayError } from '../../shared/errors.js';
import type { EventId } from '../../shared/events.js';
import type { ExpectedRevision, Revision } from '../../shared/revision.js';

/** The log's head is not what the append expected; nothing was written. Decide anew, with new ids. */
export class RevisionConflictError extends GatewayError {
  readonly code = 'SIGNET_REVISION_CONFLICT';
  readonly expected: ExpectedRevision;
  readonly actual: ExpectedRevision;

  constructor(expected: ExpectedRevision, actual: ExpectedRevision) {
    super(`the event log is at revision ${actual}, the append expected ${expected}`);
    this.expected = expected;
    this.actual = actual;
  }
}

/** An id of the append already stands at another place in the log, or twice in the append. */
export class EventIdReusedError extends GatewayError {
  readonly code = 'SIGNET_EVENT_ID_REUSED';
  readonly id: EventId;

  constructor(id: EventId) {
    super(`event id ${id} is already in use: a new decision needs new event ids`);
    this.id = id;
  }
}

/** The append passes a limit that holds alike in all adapters. */
export class EventTooLargeError extends GatewayError {
  readonly code = 'SIGNET_EVENT_TOO_LARGE';
}

/** Nothing was written; the same append may be tried again. */
export class LogUnavailableError extends GatewayError {
  readonly code = 'SIGNET_LOG_UNAVAILABLE';
}

/** The store refuses for good: credentials, access rights, or a deleted stream. An operator must act. */
export class LogRefusedError extends GatewayError {
  readonly code = 'SIGNET_LOG_REFUSED';
}

/** The store gave no answer in time: the append stands or not. Retry it with the same ids. */
export class AppendOutcomeUnknownError extends GatewayError {
  readonly code = 'SIGNET_APPEND_OUTCOME_UNKNOWN';
}

/** Events that were asked for have been trimmed away. */
export class LogTrimmedError extends GatewayError {
  readonly code = 'SIGNET_LOG_TRIMMED';
  /** First revision that is still there. */
  readonly first: Revision;

  constructor(first: Revision) {
    super(`the event log begins at revision ${first}: what came before was trimmed`);
    this.first = first;
  }
}

/** A reader knows more than the log holds: another log, or one restored from an older backup. */
export class CheckpointBeyondHeadError extends GatewayError {
  readonly code = 'SIGNET_CHECKPOINT_BEYOND_HEAD';
  readonly checkpoint: ExpectedRevision;
  readonly head: ExpectedRevision;

  constructor(checkpoint: ExpectedRevision, head: ExpectedRevision) {
    super(
      `the event log ends at revision ${head}, but ${checkpoint} was read from it before: ` +
        'another log, or one restored from an older backup; rebuild from the beginning',
    );
    this.checkpoint = checkpoint;
    this.head = head;
  }
}

/** The log was closed by this process. */
export class LogClosedError extends GatewayError {
  readonly code = 'SIGNET_LOG_CLOSED';

  constructor() {
    super('the event log is closed');
  }
}
