import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parsePrivateKey } from '../../control-plane/certificates/parse-key.js';
import { toPem } from '../../control-plane/certificates/pem.js';
import { readP256Key } from '../../shared/p256-key.js';

const forms = ['pkcs8', 'sec1'] as const;
const someKey = (form: 'pkcs8' | 'sec1', namedCurve = 'P-256') =>
  generateKeyPairSync('ec', { namedCurve }).privateKey.export({ type: form, format: 'der' });

describe('a P-256 key', () => {
  it.each(forms)('in %s is the key that OpenSSL reads', (form) => {
    for (let n = 0; n < 50; n++) {
      const der = someKey(form);
      const expected = createPrivateKey({ key: der, format: 'der', type: form });
      const read = readP256Key(der, form) ?? expect.fail('it was not recognised');
      expect(read.key.equals(expected)).toBe(true);
      const pkcs8 = expected.export({ type: 'pkcs8', format: 'pem' }).toString().trim();
      expect(toPem('PRIVATE KEY', read.der)).toBe(pkcs8);
      const label = form === 'pkcs8' ? 'PRIVATE KEY' : 'EC PRIVATE KEY';
      const parsed = parsePrivateKey(toPem(label, der));
      expect(parsed).toMatchObject({ ok: true, value: { algorithm: 'p-256', keyPem: pkcs8 } });
    }
  });

  it.each(forms)('in %s with any bit turned over is none, or still a P-256 key', (form) => {
    const der = someKey(form);
    for (let bit = 0; bit < der.length * 8; bit++) {
      const changed = Buffer.from(der);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      const read = readP256Key(changed, form);
      if (read === undefined) continue;
      // A point off the curve is refused; a private half that does not fit is found with the leaf.
      expect(read.key.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
      const { x, y } = read.key.export({ format: 'jwk' });
      const { x: x0, y: y0 } = readP256Key(der, form)?.key.export({ format: 'jwk' }) ?? {};
      expect([x, y]).toEqual([x0, y0]);
    }
  });

  it.each(['P-384', 'P-521', 'secp256k1'])('is not one on %s', (namedCurve) => {
    for (const form of forms) expect(readP256Key(someKey(form, namedCurve), form)).toBeUndefined();
  });

  it('is not one with a byte too few or too many', () => {
    for (const form of forms) {
      const der = someKey(form);
      expect(readP256Key(der.subarray(1), form)).toBeUndefined();
      expect(readP256Key(Buffer.concat([der, der.subarray(0, 1)]), form)).toBeUndefined();
    }
  });
});
