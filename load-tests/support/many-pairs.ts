import { randomUUID } from 'node:crypto';
import { FoldedLog } from '../../control-plane/application/folded-log.js';
import { chainStart } from '../../control-plane/events/hash-chain.js';
import { openStores } from '../../control-plane/open-stores.js';
import type { Certificate, KeyId } from '../../shared/gateway-model.js';
import { silentLogger } from '../../test/support/silent-logger.js';
import { appendEncoded, encode, fillLog, logCreated, newHost } from '../many-uploads.js';
import { ManyCertificates, manyHost } from './many-certificates.js';

/** Hosts with pairs that can be served, written past the admin API into the stores of a control plane that is down. */
export class ManyPairs {
  readonly #dataDir: string;
  readonly #certificates = new ManyCertificates();
  /** By the host's number. */
  readonly fingerprints: string[] = [];

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  async add(hosts: number): Promise<void> {
    const stores = await openStores({ dataDir: this.#dataDir }, silentLogger);
    const folded = new FoldedLog(stores.log, silentLogger);
    await folded.catchUp();
    let head = folded.chain;
    if (head.revision === 'empty') {
      const created = encode(chainStart, [logCreated()]);
      await appendEncoded(stores.log, chainStart, created);
      head = created.head;
    }
    const first = this.fingerprints.length;
    const stored: Promise<void>[] = [];
    await fillLog(stores.log, hosts, head, (offset) => {
      const { certificate, keyPem } = this.#next(first + offset);
      stored.push(stores.vault.put(certificate.keyId, keyPem));
      return newHost(first + offset, certificate);
    });
    await Promise.all(stored);
    await stores.close();
  }

  #next(n: number): { certificate: Certificate; keyPem: string } {
    const { id, fingerprint256, chainPem, keyPem, notAfter } = this.#certificates.next(n);
    this.fingerprints.push(fingerprint256);
    const certificate: Certificate = {
      ...{ id, fingerprint256, chainPem, notAfter, notBefore: Date.now() },
      keyId: randomUUID() as KeyId,
      names: [manyHost(n)],
      keyAlgorithm: 'p-256',
    };
    return { certificate, keyPem };
  }
}
