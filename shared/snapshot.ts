import type { Api, ApiId, CertificateId, PluginId, SslPlugin } from './gateway-model.js';
import type { Revision } from './revision.js';

/** What a node needs of a certificate to serve it. The key is in the clear: never log, never persist unsealed. */
export interface ServedCertificate {
  readonly id: CertificateId;
  /** SHA-256 of the leaf's DER, 64 lower-case hex digits. */
  readonly fingerprint256: string;
  /** CERTIFICATE blocks only, leaf first. */
  readonly chainPem: string;
  /** Unencrypted private key. */
  readonly keyPem: string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}

/**
 * A snapshot is a set of entries, each named by kind and id. A node derives its host and path routes
 * and its host → certificate bindings from them (a plugin without an API applies to all others).
 */
export type SnapshotEntry =
  | { readonly kind: 'api'; readonly value: Api }
  | { readonly kind: 'plugin'; readonly value: SslPlugin }
  | { readonly kind: 'certificate'; readonly value: ServedCertificate };

export type SnapshotEntryKey =
  | { readonly kind: 'api'; readonly id: ApiId }
  | { readonly kind: 'plugin'; readonly id: PluginId }
  | { readonly kind: 'certificate'; readonly id: CertificateId };

/** Between which revisions of which log a delta leads. `from: 'empty'` is a full snapshot. */
export interface SnapshotRange {
  readonly logId: string;
  readonly from: Revision | 'empty';
  readonly to: Revision;
}

/** Part of what changed, small enough to be held in memory. */
export interface SnapshotChunk {
  readonly upserts: readonly SnapshotEntry[];
  readonly removals: readonly SnapshotEntryKey[];
}

/**
 * What changed between two revisions. In a full snapshot everything not among `upserts` is gone.
 * Immutable and consistent: an upserted plugin's API and certificate are there after it, in it or before.
 */
export interface SnapshotDelta extends SnapshotRange, SnapshotChunk {}

/**
 * A delta that arrives in pieces, in any order of entries. The chunks end when all of it was there;
 * they throw if the rest will never come, and then nothing of it counts.
 */
export interface SnapshotTransfer extends SnapshotRange {
  readonly chunks: AsyncIterable<SnapshotChunk>;
}

/** A host whose certificate a node could not load; it keeps the host's last good one. */
export interface RejectedEntry {
  readonly certificateId: CertificateId;
  /** Host patterns (request_host) that are affected. */
  readonly hosts: readonly string[];
  readonly reason: string;
}
