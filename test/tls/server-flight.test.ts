import { once } from 'node:events';
import {
  connect,
  createServer as createTcpServer,
  type NetConnectOpts,
  type Server,
} from 'node:net';
import { join } from 'node:path';
import { createSecureContext, createServer, type TlsOptions } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import type { CipherPolicy } from '../../data-plane/listener/cipher-policy.js';
import { shownFingerprint } from '../../data-plane/listener/server-flight.js';
import { OpensslBench } from '../support/openssl.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { mint } from './support/mint.js';
import { TestNode } from './support/test-node.js';

const timeoutMs = 5_000;

async function listening(server: Server): Promise<string> {
  const path = join(await temporaryDirectory(), 'socket');
  onTestFinished(() => void server.close());
  await once(server.listen(path), 'listening');
  return path;
}

/** OpenSSL's server, which knows nothing of how we ask. */
function tlsServer(options: TlsOptions): Promise<string> {
  return listening(createServer(options).on('tlsClientError', () => {}));
}

/** Says what the server at `address` says, after `change`, in pieces of `pieceBytes`. */
function relay(
  address: NetConnectOpts,
  change: (bytes: Buffer) => Buffer,
  pieceBytes = 65_536,
): Promise<string> {
  return listening(
    createTcpServer((client) => {
      const server = connect(address).on('error', () => client.destroy());
      client.on('error', () => {}).on('close', () => server.destroy());
      client.pipe(server);
      server.on('data', async (bytes) => {
        const changed = change(bytes);
        for (let at = 0; at < changed.length; at += pieceBytes) {
          client.write(changed.subarray(at, at + pieceBytes));
          await new Promise((resolve) => setImmediate(resolve));
        }
      });
    }),
  );
}

it('reads the leaf that a server shows for a name, and proves to hold the key of', async () => {
  const [one, other] = [await mint('one.test'), await mint('other.test')];
  const path = await tlsServer({
    cert: other.chainPem,
    key: other.keyPem,
    SNICallback: (name, done) => {
      const { chainPem: cert, keyPem: key } = name === 'one.test' ? one : other;
      done(null, createSecureContext({ cert, key }));
    },
  });
  expect(await shownFingerprint(path, 'one.test', timeoutMs)).toBe(one.fingerprint256);
  expect(await shownFingerprint(path, 'other.test', timeoutMs)).toBe(other.fingerprint256);
});

it('is enough for a node by policy intermediate, and for none by policy modern', async () => {
  const certificate = await mint('a.test');
  const shownBy = async (cipherPolicy: CipherPolicy) => {
    const node = await TestNode.start({ settings: { cipherPolicy } });
    await node.bind(1, 'a.test', certificate);
    const path = await relay({ port: node.httpsPort }, (bytes) => bytes);
    return shownFingerprint(path, 'a.test', timeoutMs);
  };
  expect(await shownBy('intermediate')).toBe(certificate.fingerprint256);
  expect(await shownBy('modern')).toBeUndefined();
});

it('reads a chain of several records that arrives in pieces', async () => {
  const { chainPem, keyPem, fingerprint256 } = await mint('long.test');
  const path = await tlsServer({ cert: `${chainPem}\n`.repeat(60), key: keyPem });
  const inPieces = await relay({ path }, (bytes) => bytes, 1000);
  expect(await shownFingerprint(inPieces, 'long.test', timeoutMs)).toBe(fingerprint256);
});

it('believes no server that does not hold the key of the leaf it shows', async () => {
  const { chainPem: cert, keyPem: key, fingerprint256 } = await mint('a.test');
  const path = await tlsServer({ cert, key });
  const untouched = await relay({ path }, (bytes) => bytes);
  expect(await shownFingerprint(untouched, 'a.test', timeoutMs)).toBe(fingerprint256);
  // The flight ends with the signature, and a `ServerHelloDone` in a record of its own.
  const doneBytes = 9;
  const forged = await relay({ path }, (bytes) => {
    const last = bytes.length - doneBytes - 1;
    bytes.writeUInt8(bytes.readUInt8(last) ^ 1, last);
    return bytes;
  });
  expect(await shownFingerprint(forged, 'a.test', timeoutMs)).toBeUndefined();
  // Signed, but for the random of another handshake.
  let first: Buffer | undefined;
  const replayed = await relay({ path }, (bytes) => {
    first ??= Buffer.from(bytes);
    return first;
  });
  expect(await shownFingerprint(replayed, 'a.test', timeoutMs)).toBe(fingerprint256);
  expect(await shownFingerprint(replayed, 'a.test', timeoutMs)).toBeUndefined();
});

it('leaves to a whole handshake whatever is no P-256 leaf over TLS 1.2', async () => {
  const openssl = new OpensslBench();
  onTestFinished(() => openssl.dispose());
  const rsa = openssl.key('RSA', 'rsa_keygen_bits:2048');
  const p384 = openssl.key('EC', 'ec_paramgen_curve:P-384');
  for (const key of [rsa, p384]) {
    const path = await tlsServer({
      key,
      cert: openssl.certificate(key, { subject: '/CN=a.test' }),
    });
    expect(await shownFingerprint(path, 'a.test', timeoutMs)).toBeUndefined();
  }
  const { chainPem: cert, keyPem: key } = await mint('a.test');
  const modern = await tlsServer({ cert, key, minVersion: 'TLSv1.3' });
  expect(await shownFingerprint(modern, 'a.test', timeoutMs)).toBeUndefined();
});

it('gives up on who says nothing, nonsense, or hangs up', async () => {
  const saying = (what: Buffer) =>
    listening(createTcpServer((client) => void client.on('error', () => {}).end(what)));
  const lengthsBeyond = Buffer.from('160303000a0b00000600ffff00ffff160303000e0e000000', 'hex');
  for (const what of [Buffer.alloc(0), Buffer.from('HTTP/1.1 400'), lengthsBeyond]) {
    expect(await shownFingerprint(await saying(what), 'a.test', timeoutMs)).toBeUndefined();
  }
  const silent = await listening(createTcpServer((client) => void client.resume()));
  expect(await shownFingerprint(silent, 'a.test', 50)).toBeUndefined();
  expect(await shownFingerprint('/nowhere/at/all', 'a.test', timeoutMs)).toBeUndefined();
});
