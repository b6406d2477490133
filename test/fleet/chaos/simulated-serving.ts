import type { SnapshotServer } from '../../../data-plane/snapshot/apply-snapshot.js';
import type { AppliedChanges, NodeStoreReader } from '../../../data-plane/store/node-store.js';
import type { CertificateId } from '../../../shared/gateway-model.js';
import type { RejectedEntry } from '../../../shared/snapshot.js';

/** Which certificate is shown for each host; a host without one shows the default certificate. */
export type Shown = ReadonlyMap<string, CertificateId>;

export interface ServingOptions {
  readonly reader: NodeStoreReader;
  readonly hosts: readonly string[];
  /** Certificates that can't be loaded. */
  readonly poison: ReadonlySet<CertificateId>;
  /** How long workers take to take a change up and prove it. */
  readonly proofTakes: () => Promise<void>;
  /** Called with what is shown whenever that may have changed, before it is acknowledged. */
  readonly onShown: (shown: Shown) => void;
}

/** Serving processes by their contract: the bound certificate, or the last good one if it is poison. */
export class SimulatedServing implements SnapshotServer {
  readonly #options: ServingOptions;
  readonly #shown = new Map<string, CertificateId>();

  /** Starts with what the store holds, as a restarted node does. */
  constructor(options: ServingOptions) {
    this.#options = options;
    for (const host of options.hosts) this.#show(host);
    options.onShown(this.#shown);
  }

  get shown(): Shown {
    return this.#shown;
  }

  async applied({ hosts }: AppliedChanges): Promise<readonly RejectedEntry[]> {
    await this.#options.proofTakes();
    const changed = hosts === 'all' ? this.#options.hosts : hosts;
    const rejections = changed.flatMap((host) => this.#show(host) ?? []);
    this.#options.onShown(this.#shown);
    return rejections;
  }

  #show(host: string): RejectedEntry | undefined {
    const { reader, poison } = this.#options;
    const bound = reader.apiByHost(host)?.ssl?.config.certificateId;
    const certificate = bound && reader.certificate(bound);
    const isGood = certificate !== undefined && !poison.has(certificate.id);
    const shown = isGood ? certificate : bound && reader.lastGoodCertificate(host);
    if (shown) this.#shown.set(host, shown.id);
    else this.#shown.delete(host);
    if (isGood || bound === undefined) return undefined;
    return { certificateId: bound, hosts: [host], reason: 'this certificate is poison' };
  }
}
