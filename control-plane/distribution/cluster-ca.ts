import 'reflect-metadata';
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  randomBytes,
  webcrypto,
  X509Certificate,
} from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { hasErrno } from '../../shared/errno.js';
import { GatewayError } from '../../shared/errors.js';
import { makeDirectory } from '../../shared/make-directory.js';
import { readPrivateFile } from '../../shared/private-file.js';
import { controlPlaneName } from '../../shared/snapshot-protocol.js';
import { createFileAtomically } from '../../shared/write-file.js';

type CryptoKey = webcrypto.CryptoKey;

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;
const caLifetimeMs = 3650 * dayMs;
const serverLifetimeMs = 90 * dayMs;
/** Nodes renew after a third of it, so one that was cut off for weeks still gets in. */
export const nodeLifetimeMs = 90 * dayMs;
/** Clocks differ: a certificate is valid from a day before it was made. */
const backdatingMs = dayMs;

/** The cluster CA's files are unusable, or what it was asked to sign is. */
export class ClusterCaError extends GatewayError {
  readonly code = 'SIGNET_CLUSTER_CA';
}

export interface KeyPair {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/**
 * The CA of one cluster. Control planes and nodes trust it and nothing else; it signs server
 * certificates for control planes and client certificates for nodes, and neither can stand in for the
 * other. Several control planes of one cluster share its two files.
 */
export interface ClusterCa {
  readonly certificatePem: string;
  /** SHA-256 of the certificate's DER, 64 lower-case hex digits: what a join token pins. */
  readonly fingerprint256: string;
  /** A fresh pair for this control plane's stream; it lives in memory only. */
  issueServerPair(now: number): Promise<KeyPair>;
  /**
   * Signs a node's request: its public key and nothing else of it counts.
   * @throws ClusterCaError if the request is not signed by its own key, or not over P-256.
   */
  issueNodeCertificate(csrPem: string, nodeId: string, now: number): Promise<string>;
  /** 32 bytes that the control planes of the cluster have in common with nobody; others for each purpose. */
  secretFor(purpose: string): Uint8Array;
}

/**
 * Reads the CA from a directory, or makes it at first start: `cluster-ca.key` has mode 0600. Control
 * planes that share the directory may start at once: each file is made by one of them, and the others
 * take it.
 */
export async function openClusterCa(directory: string, now: number): Promise<ClusterCa> {
  const keyPath = join(directory, 'cluster-ca.key');
  const certificatePath = join(directory, 'cluster-ca.crt');
  makeDirectory(directory);
  if (!(await exists(keyPath))) {
    await createFileAtomically(keyPath, await createCaKey(), 0o600);
  }
  const keyPem = await readKey(keyPath);
  if (!(await exists(certificatePath))) {
    await createFileAtomically(certificatePath, await createCaCertificate(keyPem, now), 0o644);
  }
  return clusterCa({ certificatePem: await readFile(certificatePath, 'utf8'), keyPem });
}

/** A CA that lies in no file. */
export async function createCaPair(now: number): Promise<KeyPair> {
  const keyPem = await createCaKey();
  return { certificatePem: await createCaCertificate(keyPem, now), keyPem };
}

async function createCaKey(): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  return exportKey(keys.privateKey);
}

async function createCaCertificate(keyPem: string, now: number): Promise<string> {
  const spki = createPublicKey(keyPem).export({ type: 'spki', format: 'der' });
  const publicKey = await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: randomSerial(),
      name: `CN=Signet cluster CA ${randomBytes(4).toString('hex')}`,
      ...validity(now, caLifetimeMs),
      signingAlgorithm: algorithm,
      keys: { privateKey: await importKey(keyPem), publicKey },
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
        await x509.SubjectKeyIdentifierExtension.create(publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return `${certificate.toString('pem')}\n`;
}

export async function clusterCa({ certificatePem, keyPem }: KeyPair): Promise<ClusterCa> {
  const parsed = new X509Certificate(certificatePem);
  if (!parsed.checkPrivateKey(createPrivateKey(keyPem))) {
    throw new ClusterCaError('cluster-ca.crt is not the certificate of cluster-ca.key');
  }
  const certificate = new x509.X509Certificate(certificatePem);
  const signingKey = await importKey(keyPem);

  const issue = async (
    publicKey: CryptoKey,
    subject: { name: string; alternative: x509.JsonGeneralName; usage: x509.ExtendedKeyUsage },
    lifetime: { now: number; ms: number },
  ): Promise<string> => {
    const issued = await x509.X509CertificateGenerator.create(
      {
        serialNumber: randomSerial(),
        subject: `CN=${subject.name}`,
        issuer: certificate.subject,
        ...validity(lifetime.now, lifetime.ms),
        signingAlgorithm: algorithm,
        publicKey,
        signingKey,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([subject.usage], true),
          new x509.SubjectAlternativeNameExtension([subject.alternative]),
          await x509.AuthorityKeyIdentifierExtension.create(certificate, false, webcrypto),
        ],
      },
      webcrypto,
    );
    return `${issued.toString('pem')}\n`;
  };

  return {
    certificatePem,
    fingerprint256: createHash('sha256').update(parsed.raw).digest('hex'),
    async issueServerPair(now) {
      const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
      const subject = {
        name: controlPlaneName,
        alternative: { type: 'dns', value: controlPlaneName } as const,
        usage: x509.ExtendedKeyUsage.serverAuth,
      };
      return {
        certificatePem: await issue(keys.publicKey, subject, { now, ms: serverLifetimeMs }),
        keyPem: await exportKey(keys.privateKey),
      };
    },
    async issueNodeCertificate(csrPem, nodeId, now) {
      const publicKey = await requestedKey(csrPem);
      const subject = {
        name: nodeId,
        alternative: { type: 'url', value: `urn:signet:node:${nodeId}` } as const,
        usage: x509.ExtendedKeyUsage.clientAuth,
      };
      return issue(publicKey, subject, { now, ms: nodeLifetimeMs });
    },
    secretFor(purpose) {
      return new Uint8Array(hkdfSync('sha256', keyDer(keyPem), '', `signet ${purpose}`, 32));
    },
  };
}

async function requestedKey(csrPem: string): Promise<CryptoKey> {
  try {
    const request = new x509.Pkcs10CertificateRequest(csrPem);
    if (await request.verify(webcrypto)) {
      return await request.publicKey.export(algorithm, ['verify'], webcrypto);
    }
  } catch (error) {
    throw new ClusterCaError('the certificate request does not parse', { cause: error });
  }
  throw new ClusterCaError('the certificate request is not signed by the key it carries');
}

function validity(now: number, lifetimeMs: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(now - backdatingMs), notAfter: new Date(now + lifetimeMs) };
}

/** 16 random bytes, positive and without a leading zero (RFC 5280 §4.1.2.2). */
function randomSerial(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes.toString('hex');
}

async function exportKey(key: CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN PRIVATE KEY-----', ...lines, '-----END PRIVATE KEY-----', ''].join('\n');
}

async function importKey(keyPem: string): Promise<CryptoKey> {
  return webcrypto.subtle.importKey('pkcs8', keyDer(keyPem), algorithm, false, ['sign']);
}

function keyDer(keyPem: string): Uint8Array {
  const [der] = x509.PemConverter.decode(keyPem);
  if (der === undefined) throw new ClusterCaError('cluster-ca.key holds no private key');
  return new Uint8Array(der);
}

async function readKey(path: string): Promise<string> {
  const file = await readPrivateFile(path);
  switch (file.status) {
    case 'missing':
      throw new ClusterCaError(`${path} vanished while it was read`);
    case 'exposed':
      throw new ClusterCaError(`others may read ${path}: run "chmod 600 ${path}"`);
    case 'read':
      return file.content;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
