import { createPrivateKey, type KeyObject } from 'node:crypto';

/**
 * P-256 keys in the two forms that tools write them, PKCS #8 (RFC 5958) and SEC 1 (RFC 5915): all their
 * bytes but three numbers are the same in every key. OpenSSL 3 takes 330 µs to find its way through the
 * encoding and 50 µs for the bare numbers, and imports and rotations have tens of thousands of such
 * keys. Any other form, be it a byte, is left to OpenSSL.
 */
const curve = '06082a8648ce3d030107';
const point = 'a14403420004';
const pkcs8 = {
  head: Buffer.from(`308187020100301306072a8648ce3d0201${curve}046d306b0201010420`, 'hex'),
  middle: Buffer.from(point, 'hex'),
};
const sec1 = {
  head: Buffer.from('30770201010420', 'hex'),
  middle: Buffer.from(`a00a${curve}${point}`, 'hex'),
};

export interface P256Key {
  readonly key: KeyObject;
  /** PKCS #8. */
  readonly der: Buffer;
}

/** `undefined` if `der` is anything else, or no key at all. */
export function readP256Key(der: Buffer, form: 'pkcs8' | 'sec1'): P256Key | undefined {
  const numbers = cut(der, form === 'pkcs8' ? pkcs8 : sec1);
  if (numbers === undefined) return undefined;
  const { d, x, y } = numbers;
  const text = (number: Buffer) => number.toString('base64url');
  try {
    const jwk = { kty: 'EC', crv: 'P-256', d: text(d), x: text(x), y: text(y) };
    return {
      key: createPrivateKey({ key: jwk, format: 'jwk' }),
      der: Buffer.concat([pkcs8.head, d, pkcs8.middle, x, y]),
    };
  } catch {
    // The point is not on the curve: OpenSSL says so in its own way.
    return undefined;
  }
}

const numberBytes = 32;

function cut(der: Buffer, { head, middle }: { readonly head: Buffer; readonly middle: Buffer }) {
  const afterHead = head.length + numberBytes;
  const afterMiddle = afterHead + middle.length;
  if (der.length !== afterMiddle + 2 * numberBytes) return undefined;
  if (!der.subarray(0, head.length).equals(head)) return undefined;
  if (!der.subarray(afterHead, afterMiddle).equals(middle)) return undefined;
  return {
    d: der.subarray(head.length, afterHead),
    x: der.subarray(afterMiddle, afterMiddle + numberBytes),
    y: der.subarray(afterMiddle + numberBytes),
  };
}
