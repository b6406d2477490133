import type { Api, CertificateId, SslPlugin } from '../../shared/gateway-model.js';
import type { Revision } from '../../shared/revision.js';
import type { ServedCertificate, SnapshotDelta } from '../../shared/snapshot.js';

/** An API and the enabled ssl plugin that applies to it: its own, else the one for all APIs. */
export interface RoutedApi {
  readonly api: Api;
  readonly ssl: SslPlugin | undefined;
}

/**
 * A worker's view of the node's local store. Reads are synchronous, take microseconds and see the
 * last committed revision, whole. One reader per thread.
 */
export interface NodeStoreReader {
  /** Revision of what is read now, `undefined` before the first snapshot. */
  revision(): Revision | undefined;
  /** The API whose `request_host`, in lower case, is exactly `host` (no wildcard expansion). */
  apiByHost(host: string): RoutedApi | undefined;
  /** Every API whose `request_host` holds a `*`. */
  wildcardApis(): readonly RoutedApi[];
  /** Every API with a `request_path`. */
  pathApis(): readonly RoutedApi[];
  /** Unseals the key. `undefined` if the snapshot has no such certificate. */
  certificate(id: CertificateId): ServedCertificate | undefined;
  /** The certificate that `host` served before the one now bound, until `settle` drops it. */
  lastGoodCertificate(requestHost: string): ServedCertificate | undefined;
  close(): void;
}

/** What a worker must look at again after a delta. */
export interface AppliedChanges {
  readonly revision: Revision;
  /** `request_host`s in lower case, wildcards included, whose routing or certificate may differ; or all. */
  readonly hosts: readonly string[] | 'all';
  /** Whether `wildcardApis()` or `pathApis()` may answer differently. */
  readonly patternsChanged: boolean;
}

/** The node's only writer: its last good snapshot, keys sealed under the node's own key. */
export interface NodeStoreWriter {
  readonly logId: string | undefined;
  readonly revision: Revision | undefined;
  /** Digest over all entries, 64 lower-case hex digits: equal on two nodes with equal entries. */
  readonly digest: string;
  /**
   * Applies one delta in one transaction: readers see all of it or nothing.
   * @throws SnapshotMismatchError if the delta does not start where the store stands.
   */
  apply(delta: SnapshotDelta): AppliedChanges;
  /**
   * Says that the workers serve `revision`: certificates kept only as last good are dropped, but for
   * those of `keepLastGood` (host patterns whose new certificate was rejected).
   */
  settle(revision: Revision, keepLastGood: readonly string[]): void;
  close(): void;
}
