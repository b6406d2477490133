import { GatewayError } from '../../shared/errors.js';

/** A delta that does not start where the store stands, or would lead back. Ask for a full snapshot. */
export class SnapshotMismatchError extends GatewayError {
  readonly code = 'SIGNET_SNAPSHOT_MISMATCH';
}

/** A snapshot whose entries refer to others that it lacks. Nothing of it was kept. */
export class SnapshotInconsistentError extends GatewayError {
  readonly code = 'SIGNET_SNAPSHOT_INCONSISTENT';
}

/** The node's key file is unusable: readable by others, or not 32 bytes. */
export class NodeKeyError extends GatewayError {
  readonly code = 'SIGNET_NODE_KEY';
}
