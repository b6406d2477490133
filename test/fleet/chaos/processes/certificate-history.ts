import { type IssuedCertificate, TestCa } from '../../../support/test-ca.js';
import { poisonName } from './poison.js';

export interface Upload {
  /** Its place among the host's uploads. */
  readonly serial: number;
  readonly certificate: IssuedCertificate;
  readonly isPoison: boolean;
  /** Where it stands in the log; `undefined` while, or if ever, nobody said that it was recorded. */
  revision: number | undefined;
}

/** What each host was given, in order, and how much of it was acknowledged. */
export class CertificateHistory {
  readonly hosts: readonly string[];
  readonly #ca: TestCa;
  readonly #uploads = new Map<string, Upload[]>();

  static async create(hosts: number): Promise<CertificateHistory> {
    return new CertificateHistory(await TestCa.create(), hosts);
  }

  private constructor(ca: TestCa, hosts: number) {
    this.#ca = ca;
    this.hosts = Array.from({ length: hosts }, (_, n) => `host-${n}.test`);
  }

  /** Of one host one at a time: it counts from now on as one that may be served. */
  async next(host: string, { isPoison = false } = {}): Promise<Upload> {
    const certificate = await this.#ca.issue(isPoison ? [host, poisonName] : [host]);
    const uploads = this.#of(host);
    const upload = { serial: uploads.length, certificate, isPoison, revision: undefined };
    this.#uploads.set(host, [...uploads, upload]);
    return upload;
  }

  byFingerprint(host: string, fingerprint256: string): Upload | undefined {
    return this.#of(host).find(({ certificate }) => certificate.fingerprint256 === fingerprint256);
  }

  /** The last one that a control plane said it had recorded. */
  lastAcknowledged(host: string): Upload | undefined {
    return this.#of(host).findLast(({ revision }) => revision !== undefined);
  }

  /**
   * What a node shows that has acknowledged this revision, as far as that is certain: not if the host is
   * bound to poison, or may be by an upload whose answer was lost. It then shows what it last could load.
   */
  servedAt(host: string, acknowledged: number): Upload | undefined {
    const uploads = this.#of(host);
    const known = uploads.findLast(
      ({ revision }) => revision !== undefined && revision <= acknowledged,
    );
    const isUncertain = uploads.some(
      ({ serial, isPoison, revision }) =>
        isPoison && serial > (known?.serial ?? -1) && revision === undefined,
    );
    return isUncertain || known?.isPoison === true ? undefined : known;
  }

  #of(host: string): readonly Upload[] {
    return this.#uploads.get(host) ?? [];
  }
}
