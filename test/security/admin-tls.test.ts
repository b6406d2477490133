import { chmod, rename, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { connect, createServer, type TlsOptions } from 'node:tls';
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { loadAdminTls, watchAdminTls } from '../../control-plane/access/admin-tls.js';
import { clientCertificateFingerprint } from '../../control-plane/access/client-certificate.js';
import { OpensslBench } from '../support/openssl.js';
import { silentLogger } from '../support/silent-logger.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const bench = new OpensslBench();
afterAll(() => bench.dispose());

function pair(subject = '/CN=admin.test', days = 90) {
  const key = bench.key('EC', 'ec_paramgen_curve:P-256');
  return { key, cert: bench.certificate(key, { subject, days }) };
}

async function filesWith({ cert, key }: { cert: string; key: string }) {
  const directory = await temporaryDirectory();
  const files = { certPath: join(directory, 'admin.pem'), keyPath: join(directory, 'admin.key') };
  await writeFile(files.certPath, cert);
  await writeFile(files.keyPath, key, { mode: 0o600 });
  return files;
}

async function listen(options: TlsOptions) {
  const seen: { now: string | undefined; nextYear: string | undefined }[] = [];
  const server = createServer(options, (socket) => {
    const inOneYear = Date.now() + 365 * 86_400_000;
    seen.push({
      now: clientCertificateFingerprint(socket, Date.now()),
      nextYear: clientCertificateFingerprint(socket, inOneYear),
    });
    socket.end();
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { server, port, seen };
}

/** Subject of the certificate that is shown. */
function shake(port: number, options: object = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options }, () =>
      resolve(String(socket.getPeerCertificate().subject.CN)),
    );
    socket.on('error', reject).resume();
    onTestFinished(() => void socket.destroy());
  });
}

describe('the admin listener', () => {
  it('refuses a key that others may read, with the mend', async () => {
    const files = await filesWith(pair());
    await chmod(files.keyPath, 0o640);
    await expect(loadAdminTls(files)).rejects.toThrow(`chmod 600 ${files.keyPath}`);
  });

  it('refuses a key of another certificate, and files that are not there', async () => {
    const files = await filesWith({ cert: pair().cert, key: pair().key });
    await expect(loadAdminTls(files)).rejects.toThrow('are no certificate with its key');
    await expect(loadAdminTls({ ...files, certPath: '/nowhere.pem' })).rejects.toThrow(
      '/nowhere.pem cannot be read',
    );
  });

  it('shows a new certificate once the files change, and the old one if they are broken', async () => {
    const files = await filesWith(pair('/CN=old.test'));
    const inUse = await loadAdminTls(files);
    const { server, port } = await listen(inUse);
    const watching = watchAdminTls(files, inUse, server, silentLogger);
    onTestFinished(() => watching.close());
    expect(await shake(port)).toBe('old.test');

    const next = pair('/CN=new.test');
    await writeFile(`${files.keyPath}.tmp`, next.key, { mode: 0o600 });
    await rename(`${files.keyPath}.tmp`, files.keyPath);
    await writeFile(files.certPath, next.cert);
    await vi.waitFor(async () => expect(await shake(port)).toBe('new.test'), 5000);

    const failed = vi.spyOn(silentLogger, 'error');
    await writeFile(files.certPath, 'broken');
    await vi.waitFor(() => expect(failed).toHaveBeenCalled(), 5000);
    expect(await shake(port)).toBe('new.test');
  });

  it('keeps what it shows while other files beside them change', async () => {
    const files = await filesWith(pair());
    const inUse = await loadAdminTls(files);
    const setSecureContext = vi.fn();
    const watching = watchAdminTls(files, inUse, { setSecureContext }, silentLogger);
    onTestFinished(() => watching.close());
    const looked = vi.spyOn(silentLogger, 'debug');
    await writeFile(`${files.certPath}.other`, 'of somebody else');
    await vi.waitFor(() => expect(looked).toHaveBeenCalled(), 5000);
    expect(setSecureContext).not.toHaveBeenCalled();
    const next = pair();
    await writeFile(files.keyPath, next.key);
    await writeFile(files.certPath, next.cert);
    await vi.waitFor(() => expect(setSecureContext).toHaveBeenCalledTimes(1), 5000);
  });

  it('refuses TLS below 1.2 and plain HTTP', async () => {
    const { port } = await listen(await loadAdminTls(await filesWith(pair())));
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
    await expect(shake(port, old)).rejects.toThrow();
    const answer = await new Promise<string>((resolve) => {
      let text = '';
      const socket = connectPlain(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\n\r\n'));
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
      });
      socket.on('error', () => resolve(text)).on('close', () => resolve(text));
    });
    expect(answer).not.toContain('HTTP/');
  });

  it('knows a client by its certificate, unless that has expired', async () => {
    const { port, seen } = await listen(await loadAdminTls(await filesWith(pair())));
    const client = pair('/CN=operator');
    await shake(port, client);
    await shake(port);
    await vi.waitFor(() => expect(seen).toHaveLength(2));
    expect(seen[0]?.now).toMatch(/^[0-9a-f]{64}$/);
    expect(seen[0]?.nextYear).toBeUndefined();
    expect(seen[1]?.now).toBeUndefined();
  });
});
