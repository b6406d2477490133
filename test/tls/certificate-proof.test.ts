import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { CertificateProof } from '../../data-plane/listener/certificate-proof.js';
import { CertificateSource } from '../../data-plane/listener/certificate-source.js';
import { RouteTable } from '../../data-plane/routing/route-table.js';
import { openNodeStoreWriter } from '../../data-plane/store/open-node-store.js';
import { openNodeStoreReader } from '../../data-plane/store/open-node-store-reader.js';
import { parseHostname } from '../../shared/hostname.js';
import type { ServedCertificate } from '../../shared/snapshot.js';
import { apiEntry, delta, pluginEntry } from '../fleet/snapshot-fixtures.js';
import { silentLogger } from '../support/silent-logger.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { mint } from './support/mint.js';

const host = parseHostname('a.test');
if (host === undefined) throw new Error('no host name');

/** A rejection is for good, so what keeps the proof from taking place must not lead to one. */
it('a certificate whose test handshake nobody answers is judged by its pair', async () => {
  const good = await mint('a.test');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  for (const [certificate, reasons] of [
    [good, []],
    [{ ...good, keyPem }, ['the key does not match the leaf']],
  ] as const) {
    const proof = new CertificateProof(await sourceOf(certificate), 1);
    await proof.byHandshake([host], join(await temporaryDirectory(), 'nobody'));
    expect(proof.rejectionsOf([host]).map(({ reason }) => reason)).toEqual(reasons);
  }
});

/** Of a store in which an API with the host is bound to the certificate. */
async function sourceOf(certificate: ServedCertificate): Promise<CertificateSource> {
  const dataDirectory = await temporaryDirectory();
  const writer = openNodeStoreWriter({ dataDirectory }, silentLogger);
  const plugin = pluginEntry(1, 1, 1);
  if (plugin.kind !== 'plugin') throw new Error('a plugin was expected');
  const config = { ...plugin.value.config, certificateId: certificate.id };
  writer.apply(
    delta('empty', 0, [
      apiEntry(1, { requestHost: 'a.test' }),
      { kind: 'certificate', value: certificate },
      { kind: 'plugin', value: { ...plugin.value, config } },
    ]),
  );
  const reader = openNodeStoreReader({ dataDirectory });
  onTestFinished(() => {
    reader.close();
    writer.close();
  });
  return new CertificateSource(reader, new RouteTable(reader));
}
