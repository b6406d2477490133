import type { CertificateId } from '../../shared/gateway-model.js';
import type { Hostname } from '../../shared/hostname.js';
import type { RejectedEntry, ServedCertificate } from '../../shared/snapshot.js';
import type { RouteTable } from '../routing/route-table.js';
import type { NodeStoreReader } from '../store/node-store.js';

/** Which certificate a host is bound to, by which `request_host`. */
export interface Binding {
  readonly certificateId: CertificateId;
  /** In lower case: the host itself, or the pattern that it matches. */
  readonly requestHost: string;
}

/** Rejections are rare; a node that has collected more than this forgets the oldest. */
const maxRejected = 10_000;

/**
 * What a host is to be shown, as the node's store says now. Everything is synchronous: a handshake
 * waits for it.
 */
export class CertificateSource {
  readonly #store: NodeStoreReader;
  readonly #routes: RouteTable;
  readonly #rejected = new Map<CertificateId, RejectedEntry>();

  constructor(store: NodeStoreReader, routes: RouteTable) {
    this.#store = store;
    this.#routes = routes;
  }

  /** `undefined` where the default certificate is shown. */
  binding(host: Hostname): Binding | undefined {
    const bound = this.#routes.bindingOfServerName(host);
    if (bound?.certificateId === undefined) return undefined;
    return { certificateId: bound.certificateId, requestHost: bound.requestHost };
  }

  /** The bound certificate, or the last good one where the bound one was rejected. */
  certificate(binding: Binding): ServedCertificate | undefined {
    if (!this.#rejected.has(binding.certificateId)) {
      const bound = this.#store.certificate(binding.certificateId);
      if (bound !== undefined) return bound;
    }
    return this.lastGood(binding);
  }

  /** Of the bound certificate's leaf, without a look at its key. */
  fingerprint(id: CertificateId): string | undefined {
    return this.#store.fingerprint(id);
  }

  /** Kept by the store until every worker has proved the bound one. */
  lastGood({ requestHost }: Binding): ServedCertificate | undefined {
    const lastGood = this.#store.lastGoodCertificate(requestHost);
    return lastGood && !this.#rejected.has(lastGood.id) ? lastGood : undefined;
  }

  get hasRejections(): boolean {
    return this.#rejected.size > 0;
  }

  isRejected(id: CertificateId): boolean {
    return this.#rejected.has(id);
  }

  /** Why a certificate can't be loaded, and the hosts for which that was found. */
  rejection(id: CertificateId): RejectedEntry | undefined {
    return this.#rejected.get(id);
  }

  rejections(): Iterable<RejectedEntry> {
    return this.#rejected.values();
  }

  /** Never tries this certificate again: ids are not reused, so it stays as bad as it is. */
  reject(entry: RejectedEntry): void {
    const known = this.#rejected.get(entry.certificateId);
    const hosts = [...new Set([...(known?.hosts ?? []), ...entry.hosts])];
    this.#rejected.set(entry.certificateId, { ...(known ?? entry), hosts });
    if (this.#rejected.size <= maxRejected) return;
    const [oldest] = this.#rejected.keys();
    if (oldest !== undefined) this.#rejected.delete(oldest);
  }
}
