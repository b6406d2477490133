import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadCheckpointKey } from '../../control-plane/adapters/checkpoint-key.js';
import { openDefaultCertificate } from '../../data-plane/open-default-certificate.js';
import { OpensslBench } from '../support/openssl.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const bench = new OpensslBench();
afterAll(() => bench.dispose());

describe('a key file that others may read is refused, with the mend', () => {
  it.each([0o644, 0o640, 0o604, 0o620])('of the default certificate, mode %o', async (mode) => {
    const directory = await temporaryDirectory();
    const [certPath, keyPath] = [join(directory, 'default.pem'), join(directory, 'default.key')];
    const key = bench.key('EC', 'ec_paramgen_curve:P-256');
    writeFileSync(certPath, bench.certificate(key));
    writeFileSync(keyPath, key, { mode: 0o600 });
    const open = () => openDefaultCertificate({ certPath, keyPath, dataDirectory: directory });
    expect((await open()).keyPem).toContain('PRIVATE KEY');
    chmodSync(keyPath, mode);
    await expect(open()).rejects.toThrow(`run "chmod 600 ${keyPath}"`);
  });

  it('of checkpoints', async () => {
    const path = join(await temporaryDirectory(), 'checkpoint.key');
    await loadCheckpointKey(path);
    chmodSync(path, 0o644);
    await expect(loadCheckpointKey(path)).rejects.toThrow(`run "chmod 600 ${path}"`);
  });
});
