import type { GatewayEvent } from '../../shared/events.js';
import type { ApiId, CertificateId } from '../../shared/gateway-model.js';

/** Unique fields, by their names in Kong's API. */
export type UniqueField = 'id' | 'name' | 'request_host' | 'request_path';

export interface UniqueConflict {
  readonly field: UniqueField;
  /** As the caller wrote it. */
  readonly value: string;
  /** The value that stands in its way; it differs from `value` in letter case at most. */
  readonly taken: string;
}

/** A certificate that a rollback would have to serve, whose key is gone. */
export interface LostKey {
  readonly certificateId: CertificateId;
  readonly fingerprint256: string;
  /** The host that was to serve it; absent for a plugin of all APIs or an API without a host. */
  readonly requestHost?: string;
}

/** Why the domain says no. Values, not errors: the admin API turns them into answers. */
export type Rejection =
  | { readonly code: 'api-not-found' }
  | { readonly code: 'plugin-not-found' }
  | { readonly code: 'plugin-api-unknown'; readonly apiId: ApiId }
  | { readonly code: 'already-exists'; readonly conflicts: readonly UniqueConflict[] }
  | { readonly code: 'plugin-already-exists' }
  | { readonly code: 'certificate-changed' }
  | { readonly code: 'key-erased'; readonly lost: readonly LostKey[] }
  | { readonly code: 'log-already-created' };

export type Decision =
  | { readonly accepted: true; readonly events: readonly GatewayEvent[] }
  | { readonly accepted: false; readonly rejection: Rejection };

export function accept(...events: readonly GatewayEvent[]): Decision {
  return { accepted: true, events };
}

export function reject(rejection: Rejection): Decision {
  return { accepted: false, rejection };
}
