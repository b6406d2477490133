import type { KeyObject } from 'node:crypto';
import type { KeyAlgorithm } from '../../shared/gateway-model.js';
import { type Intake, type IntakeField, refused, taken } from './intake-fault.js';

/** RSA key sizes that are served, in bits; below 2048 with a warning. */
export const minRsaBits = 1024;
export const maxRsaBits = 8192;
/** BoringSSL takes no RSA exponent above 33 bits; a longer one only makes each handshake slower. */
const maxRsaExponent = 2n ** 33n;

interface Curve {
  readonly algorithm: KeyAlgorithm;
  /** How DER names the curve: after the algorithm (RFC 5480 §2.1.1), or as `parameters` (RFC 5915 §3). */
  readonly named: readonly Buffer[];
}

const curves = new Map<string, Curve>([
  ['prime256v1', curve('p-256', '06082a8648ce3d030107')],
  ['secp384r1', curve('p-384', '06052b81040022')],
  ['secp521r1', curve('p-521', '06052b81040023')],
]);

/** @param oid DER of the curve's object identifier */
function curve(algorithm: KeyAlgorithm, oid: string): Curve {
  const length = (oid.length / 2).toString(16).padStart(2, '0');
  return {
    algorithm,
    named: [
      Buffer.from(`06072a8648ce3d0201${oid}`, 'hex'),
      Buffer.from(`a0${length}${oid}`, 'hex'),
    ],
  };
}

const supported = 'use RSA (2048 to 8192 bits), P-256, P-384, P-521 or Ed25519';

/**
 * What kind of key it is, if the TLS engine can load it. The engine would drop any other kind without a
 * word and show the default certificate instead. Looks at sizes only; nothing here is costly.
 *
 * @param der that the key was read from: itself, or the certificate that holds it
 */
export function keyAlgorithm(
  key: KeyObject,
  der: Buffer,
  field: IntakeField,
): Intake<KeyAlgorithm> {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return rsaAlgorithm(key, field);
    case 'ec':
      return ecAlgorithm(key, der, field);
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

function ecAlgorithm(key: KeyObject, der: Buffer, field: IntakeField): Intake<KeyAlgorithm> {
  const name = key.asymmetricKeyDetails?.namedCurve ?? 'unnamed';
  const curve = curves.get(name);
  // A curve that is spelt out instead of named is refused by TLS clients (RFC 8422 §5.4), yet OpenSSL
  // recognises it and tells the name; only the DER tells the difference.
  if (curve === undefined || !curve.named.some((parameters) => der.includes(parameters))) {
    return refused(
      field,
      'key-kind-unsupported',
      `keys on the curve ${curve === undefined ? name : 'with explicit parameters'} cannot be served; ${supported}`,
    );
  }
  return taken(curve.algorithm);
}
