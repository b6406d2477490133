import { ProtocolError } from '../../shared/frame-codec.js';
import {
  createCertificateRequest,
  isRenewalDue,
  type NodeIdentity,
  nodeIdOf,
  writeIdentity,
} from './node-identity.js';

/** Of a node whose clock is far ahead even a fresh certificate is soon due. */
const shortestRenewalMs = 3_600_000;

export interface RenewalOptions {
  readonly dataDirectory: string;
  readonly identity: NodeIdentity;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** The node's certificate over the length of one stream, which may hold for longer than it is valid. */
export class CertificateRenewal {
  readonly #dataDirectory: string;
  readonly #clock: () => number;
  #identity: NodeIdentity;
  /** Of the request that is not answered yet. */
  #keyPem: string | undefined;
  #requestedAt = Number.NEGATIVE_INFINITY;

  constructor({ dataDirectory, identity, clock }: RenewalOptions) {
    this.#dataDirectory = dataDirectory;
    this.#identity = identity;
    this.#clock = clock;
  }

  /** @returns a request for a new certificate, of a fresh key, if it is time for one. */
  async request(): Promise<string | undefined> {
    const now = performance.now();
    if (now - this.#requestedAt < shortestRenewalMs) return undefined;
    if (!isRenewalDue(this.#identity, this.#clock())) return undefined;
    this.#requestedAt = now;
    const { csrPem, keyPem } = await createCertificateRequest();
    this.#keyPem = keyPem;
    return csrPem;
  }

  /**
   * Keeps a new certificate for the connections to come.
   * @throws ProtocolError if it is not what was asked for.
   */
  async accept(certificatePem: string): Promise<NodeIdentity> {
    const keyPem = this.#keyPem;
    this.#keyPem = undefined;
    if (keyPem === undefined || nodeIdOf(certificatePem) !== this.#identity.nodeId) {
      throw new ProtocolError('a certificate that this node did not ask for');
    }
    const renewed = { ...this.#identity, certificatePem, keyPem };
    await writeIdentity(this.#dataDirectory, renewed);
    this.#identity = renewed;
    return renewed;
  }
}
