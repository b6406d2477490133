import { X509Certificate } from 'node:crypto';
import type { Certificate } from '../../shared/gateway-model.js';
import { type Intake, refused, taken } from './intake-fault.js';
import { keyAlgorithm } from './key-kind.js';
import { leafNames } from './leaf-names.js';
import { readPemBlocks } from './pem.js';

/** A certificate chain, leaf first, each certificate signed by the next. */
export interface ParsedChain
  extends Pick<
    Certificate,
    'chainPem' | 'fingerprint256' | 'names' | 'notBefore' | 'notAfter' | 'keyAlgorithm'
  > {
  readonly leaf: X509Certificate;
  /** In the order of the chain. */
  readonly intermediates: readonly X509Certificate[];
  /** Whether `names` come from a subjectAltName; clients of today look at nothing else. */
  readonly hasSubjectAltName: boolean;
}

/** A chain in the wild holds two to five certificates of one to three KB each. */
export const chainLimits = { maxBytes: 64 * 1024, maxBlocks: 10 };

const certificateLabels = new Set(['CERTIFICATE', 'X509 CERTIFICATE']);

/** Reads PEM text, as uploaded, as a chain that can be served. Dates are not judged here. */
export function parseChain(text: string): Intake<ParsedChain> {
  const chainPem = text.trim();
  const blocks = readPemBlocks(chainPem, 'cert', chainLimits);
  if (!blocks.ok) {
    // Cheap words first: an unreadable upload must not hide that it holds a private key.
    return holdsPrivateKey(chainPem) ? privateKeyInChain : blocks;
  }
  // The chain goes into the log, which cannot forget.
  if (holdsPrivateKey(chainPem)) return privateKeyInChain;
  const foreign = blocks.value.find(({ label }) => !certificateLabels.has(label));
  if (foreign !== undefined) {
    return refused(
      'cert',
      'pem-foreign-block',
      `a PEM block "${foreign.label}" has no place in a chain; send CERTIFICATE blocks alone`,
    );
  }
  const certificates: X509Certificate[] = [];
  for (const [index, { der }] of blocks.value.entries()) {
    const certificate = readCertificate(der);
    if (certificate === undefined) {
      return refused('cert', 'certificate-unreadable', `certificate ${index + 1} does not parse`);
    }
    certificates.push(certificate);
  }
  const [leaf, ...intermediates] = certificates;
  if (leaf === undefined) return refused('cert', 'pem-missing', 'no certificate');
  return checkChain(chainPem, leaf, intermediates);
}

const privateKeyInChain = refused(
  'cert',
  'private-key-in-chain',
  'it holds a private key; send the key in config.key and the certificates alone in config.cert',
);

function holdsPrivateKey(text: string): boolean {
  return /PRIVATE\s+KEY/i.test(text);
}

function readCertificate(der: Buffer): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(der);
    // Bytes after the certificate's end would be sent to clients as part of it.
    return certificate.raw.length === der.length ? certificate : undefined;
  } catch {
    return undefined;
  }
}

function checkChain(
  chainPem: string,
  leaf: X509Certificate,
  intermediates: readonly X509Certificate[],
): Intake<ParsedChain> {
  const algorithm = publicKeyAlgorithm(leaf);
  if (!algorithm.ok) return algorithm;
  const names = leafNames(leaf);
  if (!names.ok) return names;
  const notBefore = Date.parse(leaf.validFrom);
  const notAfter = Date.parse(leaf.validTo);
  if (Number.isNaN(notBefore) || Number.isNaN(notAfter)) {
    return refused('cert', 'certificate-dates-unreadable', 'its dates of validity do not parse');
  }
  const links = checkLinks([leaf, ...intermediates]);
  if (!links.ok) return links;
  return taken({
    chainPem,
    leaf,
    intermediates,
    fingerprint256: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    names: names.value.names,
    hasSubjectAltName: names.value.hasSubjectAltName,
    notBefore,
    notAfter,
    keyAlgorithm: algorithm.value,
  });
}

function publicKeyAlgorithm(certificate: X509Certificate) {
  try {
    return keyAlgorithm(certificate.publicKey, certificate.raw, 'cert');
  } catch {
    return refused('cert', 'key-kind-unsupported', 'its public key does not parse');
  }
}

/** Each certificate must be issued and signed by the next one (RFC 5246 §7.4.2). */
function checkLinks(chain: readonly X509Certificate[]): Intake<undefined> {
  const seen = new Map<string, number>();
  for (const [index, certificate] of chain.entries()) {
    const earlier = seen.get(certificate.fingerprint256);
    if (earlier !== undefined) {
      return refused(
        'cert',
        'certificate-repeated',
        `certificate ${index + 1} is certificate ${earlier} again`,
      );
    }
    seen.set(certificate.fingerprint256, index + 1);
  }
  for (const [index, certificate] of chain.entries()) {
    const issuer = chain[index + 1];
    if (issuer === undefined || isSignedBy(certificate, issuer)) continue;
    return linkFault(chain, certificate, index);
  }
  return taken(undefined);
}

/** Every certificate at hand, but in another order, is the usual mistake and gets its own words. */
function linkFault(chain: readonly X509Certificate[], certificate: X509Certificate, index: number) {
  const position = index + 1;
  const issuer = chain.findIndex((each) => each !== certificate && isSignedBy(certificate, each));
  const issued = chain.findIndex((each) => each !== certificate && isSignedBy(each, certificate));
  if (issuer !== -1) {
    return refused(
      'cert',
      'chain-out-of-order',
      `certificate ${position} was issued by certificate ${issuer + 1}, not by certificate ` +
        `${position + 1}; put the leaf first, then each issuer in turn`,
    );
  }
  if (issued > index) {
    return refused(
      'cert',
      'chain-out-of-order',
      `certificate ${issued + 1} was issued by certificate ${position} but comes after it; put the ` +
        'leaf first, then each issuer in turn',
    );
  }
  return refused(
    'cert',
    'chain-broken',
    `certificate ${position} was not issued by certificate ${position + 1}; send the leaf, then each ` +
      'issuer in turn, and nothing else',
  );
}

function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  if (!certificate.checkIssued(issuer)) return false;
  try {
    // Sizes first: an absurd issuer key must not cost a second of arithmetic.
    return keyIsCheap(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

function keyIsCheap(certificate: X509Certificate): boolean {
  const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey;
  if (asymmetricKeyType === 'rsa' || asymmetricKeyType === 'rsa-pss') {
    const { modulusLength = 0, publicExponent = 0n } = asymmetricKeyDetails ?? {};
    return modulusLength <= 16_384 && publicExponent < 2n ** 33n;
  }
  return asymmetricKeyType === 'ec' || asymmetricKeyType?.startsWith('ed') === true;
}
