import type { Api, CertificateId, SslPlugin } from '../../shared/gateway-model.js';
import type { Revision } from '../../shared/revision.js';
import type {
  ServedCertificate,
  SnapshotChunk,
  SnapshotDelta,
  SnapshotRange,
} from '../../shared/snapshot.js';

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
  /**
   * What the API with this `request_host` (as above) binds, without reading the API: the certificate
   * of its enabled ssl plugin, if it has one. `undefined` if there is no such API.
   */
  bindingByHost(host: string): { readonly certificateId: CertificateId | undefined } | undefined;
  /** Every API whose `request_host` holds a `*`. */
  wildcardApis(): readonly RoutedApi[];
  /** Every API with a `request_path`. */
  pathApis(): readonly RoutedApi[];
  /** Unseals the key. `undefined` if the snapshot has no such certificate. */
  certificate(id: CertificateId): ServedCertificate | undefined;
  /** SHA-256 of its leaf, 64 lower-case hex digits; `undefined` if the snapshot has no such certificate. */
  fingerprint(id: CertificateId): string | undefined;
  /** The certificate that `host` served before the one now bound, until `settle` drops it. */
  lastGoodCertificate(requestHost: string): ServedCertificate | undefined;
  /** Hosts whose bound certificate was rejected, or proved by nobody yet; at most `limit`. */
  unprovedHosts(limit: number): readonly string[];
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

/** A revision that the workers serve. */
export interface ProvedRevision {
  readonly revision: Revision;
  /** Host patterns whose new certificate was rejected. */
  readonly keepLastGood: readonly string[];
}

/** A delta on its way into the store. A method that throws has rolled the transaction back. */
export interface NodeStoreTransaction {
  write(chunk: SnapshotChunk): void;
  /** @throws SnapshotInconsistentError if a plugin would lack its API or certificate. */
  commit(): AppliedChanges;
  /** Gives the delta up. Nothing happens after `commit`, or a second time. */
  rollback(): void;
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
   * Starts a delta that is written in pieces, in one transaction that stays open between them. One
   * at a time.
   * @param proved is settled in the same transaction, before it.
   * @throws SnapshotMismatchError if the delta does not start where the store stands.
   */
  begin(range: SnapshotRange, proved?: ProvedRevision): NodeStoreTransaction;
  /**
   * Resolves when everything applied so far survives a power cut; a crash of the process it survives at
   * once. Apart from `apply`, so that workers take a change up while the disk still writes.
   */
  durable(): Promise<void>;
  /** Drops the certificates that are kept only as last good, if `proved` is what the store holds. */
  settle(proved: ProvedRevision): void;
  /** Hosts that still have a last good certificate besides the one now bound. */
  lastGoodHosts(): readonly string[];
  /**
   * Reads every entry again, in slices between which the loop turns. Damaged ones (a torn file) are
   * taken out and the digest no longer equals the control plane's, so that a full snapshot mends it.
   * @returns how many were damaged.
   */
  verify(signal?: AbortSignal): Promise<number>;
  close(): void;
}
