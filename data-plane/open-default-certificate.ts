import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { hasErrno } from '../shared/errno.js';
import { GatewayError } from '../shared/errors.js';
import { readPrivateFile } from '../shared/private-file.js';
import { writeFileAtomically } from '../shared/write-file.js';
import type { KeyPair } from './listener/default-certificate.js';
import { openNodeKey } from './store/node-key.js';

/** The files of the default certificate are unusable; the message says which and what to do. */
export class DefaultCertificateError extends GatewayError {
  readonly code = 'SIGNET_DEFAULT_CERTIFICATE';
}

export interface DefaultCertificateOptions {
  /** `ssl_cert_path` and `ssl_key_path` of the configuration; both or neither. */
  readonly certPath: string | undefined;
  readonly keyPath: string | undefined;
  /** Where the self-made pair is kept if none is configured: `default-certificate.json`, its key sealed. */
  readonly dataDirectory: string;
}

/**
 * The pair that is shown to clients without SNI and for names without a certificate of their own:
 * as configured, else self-made at first start and kept.
 * @throws DefaultCertificateError
 */
export async function openDefaultCertificate(options: DefaultCertificateOptions): Promise<KeyPair> {
  const { certPath, keyPath, dataDirectory } = options;
  if (certPath !== undefined && keyPath !== undefined) {
    return checked(
      await readChain(certPath),
      await readPrivate(keyPath),
      `${certPath}, ${keyPath}`,
    );
  }
  return (await readKept(dataDirectory)) ?? (await makeAndKeep(dataDirectory));
}

/** The chain in the clear, the key sealed under the node's own key, as all keys on a node. */
const keptFile = Compile(Type.Object({ chainPem: Type.String(), sealedKey: Type.String() }));

async function makeAndKeep(dataDirectory: string): Promise<KeyPair> {
  // What it takes to make one is slow to load, and needed at the first start alone.
  const { createDefaultCertificate } = await import('./listener/default-certificate.js');
  const made = await createDefaultCertificate(new Date());
  const sealedKey = openNodeKey(dataDirectory).seal(made.keyPem, sealName).toString('base64');
  const text = `${JSON.stringify({ chainPem: made.chainPem, sealedKey }, null, 2)}\n`;
  await writeFileAtomically(keptPath(dataDirectory), text, 0o600);
  return made;
}

/** `undefined` if there is none, or none that this node's key opens: another one is soon made. */
async function readKept(dataDirectory: string): Promise<KeyPair | undefined> {
  const text = await readFile(keptPath(dataDirectory), 'utf8').catch((error: unknown) => {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    const { chainPem, sealedKey } = keptFile.Parse(JSON.parse(text));
    const sealed = Buffer.from(sealedKey, 'base64');
    const keyPem = openNodeKey(dataDirectory).unseal(sealed, sealName);
    return keyPem === undefined ? undefined : checked(chainPem, keyPem, keptPath(dataDirectory));
  } catch {
    return undefined; // Damaged. It is self-made: nobody relies on this very one.
  }
}

const sealName = 'default certificate';
const noSuchFile = 'there is no such file';
const unreadable = 'the file cannot be read';

function keptPath(dataDirectory: string): string {
  return join(dataDirectory, 'default-certificate.json');
}

/** The engine refuses a bad pair without a word of what is wrong with it. */
function checked(chainText: string, keyText: string, where: string): KeyPair {
  const chain = chainText.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  const key =
    /-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s]+-----END [A-Z ]*PRIVATE KEY-----/.exec(
      keyText,
    );
  if (chain?.[0] === undefined) throw unusable(where, 'there is no CERTIFICATE block');
  if (key === null) throw unusable(where, 'there is no PRIVATE KEY block');
  try {
    if (new X509Certificate(chain[0]).checkPrivateKey(createPrivateKey(key[0]))) {
      return { chainPem: `${chain.join('\n')}\n`, keyPem: `${key[0]}\n` };
    }
  } catch {
    // The parser's message may quote what it read.
    throw unusable(where, 'certificate or key cannot be read; is the key encrypted?');
  }
  throw unusable(where, 'the key does not belong to the first certificate');
}

function unusable(where: string, reason: string): DefaultCertificateError {
  return new DefaultCertificateError(
    `the default certificate (${where}) cannot be used: ${reason}`,
  );
}

function readChain(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    throw unusable(path, hasErrno(error, 'ENOENT') ? noSuchFile : unreadable);
  });
}

async function readPrivate(path: string): Promise<string> {
  const file = await readPrivateFile(path).catch(() => {
    throw unusable(path, unreadable);
  });
  switch (file.status) {
    case 'missing':
      throw unusable(path, noSuchFile);
    case 'exposed':
      throw unusable(path, `others may read it: run "chmod 600 ${path}"`);
    case 'read':
      return file.content;
  }
}
