import { readFileSync } from 'node:fs';
import type { ServedCertificate } from '../../shared/snapshot.js';
import { isInstalled } from '../../test/support/is-installed.js';
import { OpensslBench } from '../../test/support/openssl.js';
import { servedCertificate } from '../compare/bench-certificate.js';
import { inScratch } from '../compare/servers.js';
import { StandaloneNode } from '../support/standalone-node.js';
import { listedFindings, testssl, unlisted } from '../support/testssl.js';

/**
 * `npm run check:testssl`: testssl.sh against a listener of each cipher policy. Ends with exit code 1 if
 * it finds anything of severity LOW or above that docs/tls.md does not list with its reason.
 */
const host = 'a.test';

async function check(
  cipherPolicy: 'intermediate' | 'modern',
  certificate: ServedCertificate,
  caFile: string,
): Promise<void> {
  const listed = listedFindings(
    readFileSync(new URL('../../../docs/tls.md', import.meta.url), 'utf8'),
  );
  const node = new StandaloneNode();
  try {
    await node.bind([{ n: 1, host, certificate }]);
    await node.start({ cipherPolicy, logLevel: 'error' });
    const findings = await inScratch((directory) =>
      testssl(directory, { host, port: node.port, caFile }),
    );
    const more = unlisted(findings, listed);
    console.log(`${cipherPolicy}: ${findings.length} findings, ${more.length} not in docs/tls.md`);
    for (const each of findings) {
      const mark = more.includes(each) ? 'NOT LISTED' : 'listed';
      console.log(`  ${each.severity.padEnd(8)} ${each.id}: ${each.finding} (${mark})`);
    }
    if (more.length > 0) process.exitCode = 1;
  } finally {
    await node.stop();
  }
}

if (isInstalled('testssl')) {
  const bench = new OpensslBench();
  try {
    const caKey = bench.key('EC', 'ec_paramgen_curve:P-256');
    const ca = bench.certificate(caKey, { subject: '/CN=Test CA', names: [], ca: true });
    bench.write('ca.pem', ca);
    const keyPem = bench.key('EC', 'ec_paramgen_curve:P-256');
    const chainPem = bench.certificate(keyPem, { names: [host], issuer: { cert: ca, key: caKey } });
    const certificate = servedCertificate(chainPem, keyPem);
    for (const policy of ['intermediate', 'modern'] as const) {
      await check(policy, certificate, bench.path('ca.pem'));
    }
  } finally {
    bench.dispose();
  }
} else {
  console.log('nothing was checked: testssl is not installed (Debian package testssl.sh)');
}
