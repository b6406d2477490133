import type { KeyObject } from 'node:crypto';
import type { KeyAlgorithm } from '../../shared/gateway-model.js';
import { type Intake, type IntakeField, refused, taken } from './intake-fault.js';

/** RSA key sizes that are served, in bits; below 2048 with a warning. */
export const minRsaBits = 1024;
export const maxRsaBits = 8192;
/** BoringSSL takes no RSA exponent above 33 bits; a longer one only makes each handshake slower. */
const maxRsaExponent = 2n ** 33n;

/** DER of the curves' object identifiers. */
const curves = new Map<string, { readonly algorithm: KeyAlgorithm; readonly oid: Buffer }>([
  ['prime256v1', { algorithm: 'p-256', oid: Buffer.from('06082a8648ce3d030107', 'hex') }],
  ['secp384r1', { algorithm: 'p-384', oid: Buffer.from('06052b81040022', 'hex') }],
  ['secp521r1', { algorithm: 'p-521', oid: Buffer.from('06052b81040023', 'hex') }],
]);

const supported = 'use RSA (2048 to 8192 bits), P-256, P-384, P-521 or Ed25519';

/**
 * What kind of key it is, if the TLS engine can load it. The engine would drop any other kind without a
 * word and show the default certificate instead. Looks at sizes only; nothing here is costly.
 */
export function keyAlgorithm(key: KeyObject, field: IntakeField): Intake<KeyAlgorithm> {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return rsaAlgorithm(key, field);
    case 'ec':
      return ecAlgorithm(key, field);
    case 'ed25519':
      return taken('ed25519');
    default:
      return refused(
        field,
        'key-kind-unsupported',
        `${key.asymmetricKeyType ?? 'unknown'} keys cannot be served; ${supported}`,
      );
  }
}

function rsaAlgorithm(key: KeyObject, field: IntakeField): Intake<KeyAlgorithm> {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < minRsaBits || modulusLength > maxRsaBits) {
    return refused(
      field,
      'key-size-unsupported',
      `an RSA key of ${modulusLength} bits; ${minRsaBits} to ${maxRsaBits} bits are served`,
    );
  }
  if (publicExponent < 3n || publicExponent >= maxRsaExponent || publicExponent % 2n === 0n) {
    return refused(
      field,
      'key-size-unsupported',
      'an RSA key with an unusual public exponent; make one with exponent 65537',
    );
  }
  return taken<KeyAlgorithm>(`rsa-${modulusLength}`);
}

function ecAlgorithm(key: KeyObject, field: IntakeField): Intake<KeyAlgorithm> {
  const name = key.asymmetricKeyDetails?.namedCurve ?? 'unnamed';
  const curve = curves.get(name);
  // A curve that is spelt out instead of named is refused by TLS clients (RFC 8422 §5.4), yet OpenSSL
  // recognises it and tells the name; only the DER tells the difference.
  const der =
    key.type === 'private'
      ? key.export({ type: 'pkcs8', format: 'der' })
      : key.export({ type: 'spki', format: 'der' });
  if (curve === undefined || !der.includes(curve.oid)) {
    return refused(
      field,
      'key-kind-unsupported',
      `keys on the curve ${curve === undefined ? name : 'with explicit parameters'} cannot be served; ${supported}`,
    );
  }
  return taken(curve.algorithm);
}
