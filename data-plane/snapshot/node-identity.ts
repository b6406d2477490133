import { webcrypto, X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { GatewayError } from '../../shared/errors.js';
import { writeFileAtomically } from '../../shared/write-file.js';
import { type NodeKey, openNodeKey } from '../store/node-key.js';

/** The node's identity file is unusable. */
export class NodeIdentityError extends GatewayError {
  readonly code = 'SIGNET_NODE_IDENTITY';
}

/** What a node shows to its control planes, and what it knows them by. Holds a private key: never log. */
export interface NodeIdentity {
  readonly nodeId: string;
  readonly caPem: string;
  readonly certificatePem: string;
  readonly keyPem: string;
}

export interface CertificateRequest {
  readonly csrPem: string;
  readonly keyPem: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** A fresh P-256 key and a request to certify it. The cluster's CA decides what else stands in the certificate. */
export async function createCertificateRequest(): Promise<CertificateRequest> {
  // They take 150 ms of CPU to load, and a node that has joined needs them once a month.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    { name: 'CN=signet-node', keys, signingAlgorithm: algorithm },
    webcrypto,
  );
  const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    csrPem: request.toString('pem'),
    keyPem: `${x509.PemConverter.encode(der, 'PRIVATE KEY')}\n`,
  };
}

/**
 * `undefined` if this node has not joined yet.
 * @throws NodeIdentityError if the file is damaged, or the node's key is another one.
 */
export async function readIdentity(dataDirectory: string): Promise<NodeIdentity | undefined> {
  const path = identityPath(dataDirectory);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  });
  if (text === undefined) return undefined;
  const identity = unsealIdentity(text, openNodeKey(dataDirectory));
  if (identity === undefined) {
    throw new NodeIdentityError(
      `${path} is damaged, or was written under another node.key: put that back, or remove ${path} and join again`,
    );
  }
  return identity;
}

/**
 * Keeps the identity for the next start. One file, so that certificate and key can't be of two
 * different times; the key in it is sealed under the node's key, as those in the store are.
 */
export async function writeIdentity(dataDirectory: string, identity: NodeIdentity): Promise<void> {
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  const { certificatePem, caPem, nodeId, keyPem } = identity;
  const sealedKey = openNodeKey(dataDirectory).seal(keyPem, sealName(nodeId)).toString('base64');
  const text = `${JSON.stringify({ nodeId, certificatePem, caPem, sealedKey }, null, 2)}\n`;
  await writeFileAtomically(identityPath(dataDirectory), text, 0o600);
}

const identityFile = Compile(
  Type.Object({
    nodeId: Type.String(),
    certificatePem: Type.String(),
    caPem: Type.String(),
    sealedKey: Type.String(),
  }),
);

function unsealIdentity(text: string, key: NodeKey): NodeIdentity | undefined {
  try {
    const { sealedKey, ...identity } = identityFile.Parse(JSON.parse(text));
    const keyPem = key.unseal(Buffer.from(sealedKey, 'base64'), sealName(identity.nodeId));
    const isWhole = keyPem !== undefined && nodeIdOf(identity.certificatePem) === identity.nodeId;
    return isWhole ? { ...identity, keyPem } : undefined;
  } catch {
    return undefined; // Not JSON, or not of this shape: damaged, which is what the caller says.
  }
}

function sealName(nodeId: string): string {
  return `stream key of node ${nodeId}`;
}

/** Whether a third of the certificate's time has passed: early, so that long outages do no harm. */
export function isRenewalDue({ certificatePem }: NodeIdentity, now: number): boolean {
  const { validFrom, validTo } = new X509Certificate(certificatePem);
  const from = Date.parse(validFrom);
  return now >= from + (Date.parse(validTo) - from) / 3;
}

export function nodeIdOf(certificatePem: string): string | undefined {
  try {
    const names = new X509Certificate(certificatePem).subjectAltName ?? '';
    return /^URI:urn:signet:node:([0-9a-f-]{36})$/.exec(names)?.[1];
  } catch {
    return undefined; // Not a certificate: then it names no node either.
  }
}

function identityPath(dataDirectory: string): string {
  return join(dataDirectory, 'node-identity.json');
}
