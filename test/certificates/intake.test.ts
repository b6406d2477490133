import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  certificateWarnings,
  covers,
} from '../../control-plane/certificates/certificate-warnings.js';
import { checkPair, checkSameKey } from '../../control-plane/certificates/check-pair.js';
import type { Intake, IntakeCode } from '../../control-plane/certificates/intake-fault.js';
import { type ParsedChain, parseChain } from '../../control-plane/certificates/parse-chain.js';
import { parsePrivateKey } from '../../control-plane/certificates/parse-key.js';
import { OpensslBench } from '../support/openssl.js';

const openssl = new OpensslBench();
afterAll(() => openssl.dispose());

const p256 = () => openssl.key('EC', 'ec_paramgen_curve:P-256');
const rsa = (bits: number) => openssl.key('RSA', `rsa_keygen_bits:${bits}`);

const leafKey = p256();
const rootKey = p256();
const middleKey = p256();
const root = {
  key: rootKey,
  cert: openssl.certificate(rootKey, { subject: '/CN=root', names: [], ca: true }),
};
const middle = {
  key: middleKey,
  cert: openssl.certificate(middleKey, {
    subject: '/CN=middle',
    names: [],
    ca: true,
    issuer: root,
  }),
};
const leaf = { key: leafKey, cert: openssl.certificate(leafKey, { issuer: middle }) };
const rsaKey = rsa(2048);

function value<T>(intake: Intake<T>): T {
  if (!intake.ok) throw new Error(`refused: ${intake.fault.reason}`);
  return intake.value;
}

function code<T>(intake: Intake<T>): IntakeCode | 'taken' {
  return intake.ok ? 'taken' : intake.fault.code;
}

/** Parses both halves and matches them, as the admin API does. */
function pairCode(cert: string, key: string): IntakeCode | 'taken' {
  const chain = parseChain(cert);
  const parsed = parsePrivateKey(key);
  if (!chain.ok) return chain.fault.code;
  if (!parsed.ok) return parsed.fault.code;
  return code(checkPair(chain.value, parsed.value));
}

describe('certificate intake takes', () => {
  it("the recipe of Kong's page: RSA-1024 stripped of its passphrase, self-signed without SAN", () => {
    openssl.run('genrsa', '-aes128', '-passout', 'pass:x', '-out', '@r.key', '1024');
    openssl.write('req.cnf', '[req]\ndistinguished_name=dn\n[dn]\n');
    openssl.run(
      ...['req', '-new', '-batch', '-config', '@req.cnf', '-key', '@r.key', '-passin', 'pass:x'],
      ...['-subj', '/CN=a.test', '-out', '@r.csr'],
    );
    openssl.run('rsa', '-in', '@r.key', '-passin', 'pass:x', '-out', '@r.plain');
    openssl.run('x509', '-req', '-in', '@r.csr', '-signkey', '@r.plain', '-out', '@r.crt');
    expect(pairCode(openssl.read('r.crt'), openssl.read('r.plain'))).toBe('taken');
    expect(pairCode(openssl.read('r.crt'), openssl.read('r.key'))).toBe('key-encrypted');
    const chain = value(parseChain(openssl.read('r.crt')));
    expect(chain.names).toEqual(['a.test']);
    expect(certificateWarnings(chain, 'a.test', Date.now())).toEqual([
      expect.stringContaining('1024 bits is weak'),
      expect.stringContaining('no subjectAltName'),
    ]);
  });

  it.each([
    ['P-256', () => p256(), 'p-256'],
    ['P-384', () => openssl.key('EC', 'ec_paramgen_curve:P-384'), 'p-384'],
    ['P-521', () => openssl.key('EC', 'ec_paramgen_curve:P-521'), 'p-521'],
    ['Ed25519', () => openssl.key('ED25519'), 'ed25519'],
    ['RSA-3072', () => rsa(3072), 'rsa-3072'],
  ])('a %s pair', (_, makeKey, algorithm) => {
    const key = makeKey();
    const cert = openssl.certificate(key);
    expect(pairCode(cert, key)).toBe('taken');
    expect(value(parseChain(cert)).keyAlgorithm).toBe(algorithm);
    expect(value(parsePrivateKey(key)).algorithm).toBe(algorithm);
  });

  it('PKCS#1, SEC1 with EC PARAMETERS, CRLF, text and blanks around, and makes PKCS#8 of it', () => {
    openssl.write('rsa.pem', rsaKey);
    openssl.run('rsa', '-in', '@rsa.pem', '-traditional', '-out', '@pkcs1.pem');
    openssl.run('ecparam', '-name', 'prime256v1', '-genkey', '-out', '@sec1.pem');
    const sec1 = openssl.read('sec1.pem');
    expect(openssl.read('pkcs1.pem')).toContain('BEGIN RSA PRIVATE KEY');
    expect(sec1).toContain('BEGIN EC PARAMETERS');
    expect(value(parsePrivateKey(openssl.read('pkcs1.pem'))).keyPem).toBe(rsaKey.trim());
    const dressed = `\r\n  some text\r\n${sec1.replaceAll('\n', '\r\n')}\r\n\r\n`;
    expect(value(parsePrivateKey(dressed)).keyPem).toMatch(/^-----BEGIN PRIVATE KEY-----/);
  });

  it('the output of `openssl x509 -text`, trimmed and otherwise as uploaded', () => {
    openssl.write('l.crt', leaf.cert);
    const text = openssl.run('x509', '-in', '@l.crt', '-text');
    const chain = value(parseChain(`\n${text}\n\n`));
    expect(chain.chainPem).toBe(text.trim());
    const expected = new X509Certificate(leaf.cert).fingerprint256
      .replaceAll(':', '')
      .toLowerCase();
    expect(chain.fingerprint256).toBe(expected);
  });

  it('a chain of leaf, intermediate and root', () => {
    const chain = value(parseChain(leaf.cert + middle.cert + root.cert));
    expect(chain.intermediates).toHaveLength(2);
    expect(chain.names).toEqual(['a.test']);
  });

  it('a key file that holds the certificate too', () => {
    expect(pairCode(leaf.cert, leaf.cert + leaf.key)).toBe('taken');
  });

  it('a new chain for the key that is stored', () => {
    const renewed = value(parseChain(openssl.certificate(leafKey)));
    expect(code(checkSameKey(renewed, value(parseChain(leaf.cert))))).toBe('taken');
    const other = value(parseChain(openssl.certificate(p256())));
    expect(code(checkSameKey(other, value(parseChain(leaf.cert))))).toBe('key-mismatch');
  });
});

describe('certificate intake refuses', () => {
  it.each([
    ['nothing', '', 'pem-missing'],
    ['text that is no PEM', 'asd', 'pem-missing'],
    ['a cut block', leaf.cert.slice(0, 200), 'pem-malformed'],
    ['a block that is not Base64', leaf.cert.replace('MII', '!!!'), 'pem-malformed'],
    ['damaged DER', leaf.cert.replace('MII', 'AAA'), 'certificate-unreadable'],
    ['a key in the chain', leaf.cert + leaf.key, 'private-key-in-chain'],
    ['an unreadable key in the chain', '-----BEGIN PRIVATE KEY-----\nx', 'private-key-in-chain'],
    [
      'a foreign block',
      `${leaf.cert}-----BEGIN X-----\nAAAA\n-----END X-----`,
      'pem-foreign-block',
    ],
    ['the intermediate first', middle.cert + leaf.cert, 'chain-out-of-order'],
    ['the root before the intermediate', leaf.cert + root.cert + middle.cert, 'chain-out-of-order'],
    ['a gap in the chain', leaf.cert + root.cert, 'chain-broken'],
    ['two leaves', leaf.cert + openssl.certificate(p256()), 'chain-broken'],
    ['a certificate twice', leaf.cert + leaf.cert, 'certificate-repeated'],
    ['64 KiB and a byte', leaf.cert + '\n'.repeat(70_000) + middle.cert, 'pem-too-large'],
    ['eleven blocks', leaf.cert.repeat(11), 'pem-too-many-blocks'],
  ])('as chain: %s', (_, text, expected) => {
    expect(code(parseChain(text))).toBe(expected);
  });

  it('bytes behind the end of a certificate', () => {
    const der = Buffer.concat([new X509Certificate(leaf.cert).raw, Buffer.from('extra')]);
    const text = `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----`;
    expect(code(parseChain(text))).toBe('certificate-unreadable');
  });

  it.each([
    ['secp256k1', () => openssl.key('EC', 'ec_paramgen_curve:secp256k1')],
    [
      'explicit curve parameters',
      () => openssl.key('EC', 'ec_paramgen_curve:P-256', 'ec_param_enc:explicit'),
    ],
    ['Ed448', () => openssl.key('ED448')],
    ['RSA-PSS', () => openssl.key('RSA-PSS', 'rsa_keygen_bits:2048')],
  ])('kinds of key the engine cannot load: %s', (_, makeKey) => {
    const key = makeKey();
    expect(code(parsePrivateKey(key))).toBe('key-kind-unsupported');
    expect(code(parseChain(openssl.certificate(key)))).toBe('key-kind-unsupported');
  });

  it('RSA keys of odd sizes and exponents', () => {
    expect(code(parsePrivateKey(rsa(768)))).toBe('key-size-unsupported');
    const wide = openssl.key('RSA', 'rsa_keygen_bits:1024', `rsa_keygen_pubexp:${2n ** 33n + 1n}`);
    expect(code(parsePrivateKey(wide))).toBe('key-size-unsupported');
    expect(code(parseChain(openssl.certificate(wide)))).toBe('key-size-unsupported');
  });

  it.each([
    ['nothing', '', 'pem-missing'],
    ['a certificate', leaf.cert, 'pem-missing'],
    ['damaged DER', leaf.key.replace('MIG', 'AAA'), 'key-unreadable'],
    ['two keys', leaf.key + rsaKey, 'key-several'],
    ['32 KiB and a byte', leaf.key + '\n'.repeat(33_000), 'pem-too-large'],
  ])('as key: %s', (_, text, expected) => {
    expect(code(parsePrivateKey(text))).toBe(expected);
  });

  it('keys with a passphrase, in both forms', () => {
    openssl.write('plain.pem', leaf.key);
    openssl.run('pkcs8', '-topk8', '-in', '@plain.pem', '-passout', 'pass:x', '-out', '@p8.pem');
    openssl.run('ec', '-in', '@plain.pem', '-aes128', '-passout', 'pass:x', '-out', '@trad.pem');
    expect(openssl.read('trad.pem')).toContain('Proc-Type');
    expect(code(parsePrivateKey(openssl.read('p8.pem')))).toBe('key-encrypted');
    expect(code(parsePrivateKey(openssl.read('trad.pem')))).toBe('key-encrypted');
  });

  it('a key of another certificate, and says which one of the chain it belongs to', () => {
    expect(pairCode(leaf.cert, p256())).toBe('key-mismatch');
    expect(pairCode(leaf.cert, rsaKey)).toBe('key-mismatch');
    const chain = value(parseChain(leaf.cert + middle.cert));
    const refused = checkPair(chain, value(parsePrivateKey(middle.key)));
    expect(refused.ok || refused.fault.reason).toContain('certificate 2');
  });

  it('an RSA key whose numbers contradict each other', () => {
    openssl.write('broken.pem', rsaKey);
    openssl.run(
      'rsa',
      '-in',
      '@broken.pem',
      '-traditional',
      '-outform',
      'DER',
      '-out',
      '@broken.der',
    );
    const der = Buffer.from(openssl.run('base64', '-A', '-in', '@broken.der'), 'base64');
    // The last integer is the CRT coefficient.
    der[der.length - 1] = (der.at(-1) ?? 0) ^ 2;
    const pem = `-----BEGIN RSA PRIVATE KEY-----\n${der.toString('base64')}\n-----END RSA PRIVATE KEY-----`;
    expect(code(parsePrivateKey(pem))).toBe('key-inconsistent');
  });

  it('names that no host can have', () => {
    const config =
      '[req]\ndistinguished_name=dn\nx509_extensions=e\n[dn]\n[e]\nsubjectAltName=@n\n[n]\n';
    openssl.write('odd.cnf', `${config}DNS.1=a.test\nDNS.2=b .test\n`);
    openssl.write('odd.key', leafKey);
    const args = ['req', '-x509', '-new', '-batch', '-config', '@odd.cnf', '-key', '@odd.key'];
    openssl.run(...args, '-subj', '/CN=x', '-out', '@odd.crt');
    expect(code(parseChain(openssl.read('odd.crt')))).toBe('name-malformed');
    // The same length with a NUL in place of the blank; the signature is not looked at.
    const nul = Buffer.from(new X509Certificate(openssl.read('odd.crt')).raw);
    nul[nul.indexOf('b .test') + 1] = 0;
    const pem = `-----BEGIN CERTIFICATE-----\n${nul.toString('base64')}\n-----END CERTIFICATE-----`;
    expect(code(parseChain(pem))).toBe('name-malformed');
  });

  it('any bytes, without throwing, fast', () => {
    const marks = fc.constantFrom(
      ...['-----BEGIN CERTIFICATE-----', '-----END CERTIFICATE-----', '-----BEGIN ', '-----', '\n'],
      ...[
        '-----BEGIN PRIVATE KEY-----',
        '-----END PRIVATE KEY-----',
        'MIIB',
        'Proc-Type: 4,ENCRYPTED',
      ],
      ...[leaf.cert, leaf.key],
    );
    const text = fc
      .array(fc.oneof(marks, fc.string()), { maxLength: 20 })
      .map((all) => all.join(''));
    fc.assert(
      fc.property(text, (each) => {
        parseChain(each);
        parsePrivateKey(each);
      }),
      { numRuns: 1000 },
    );
  });

  it('never quotes what was uploaded', () => {
    const secret = 'c2VjcmV0c2VjcmV0';
    for (const label of ['PRIVATE KEY', 'EC PRIVATE KEY', 'ENCRYPTED PRIVATE KEY']) {
      const refusal = parsePrivateKey(
        `-----BEGIN ${label}-----\n${secret}\n-----END ${label}-----`,
      );
      expect(JSON.stringify(refusal)).not.toContain(secret);
    }
  });
});

describe('certificate warnings', () => {
  const chain: ParsedChain = value(parseChain(leaf.cert));

  it('tell that a leaf does not cover the host, will end soon, has ended or has not begun', () => {
    const warnings = (host: string, now: number) =>
      certificateWarnings(chain, host, now).join('; ');
    const day = 86_400_000;
    expect(warnings('A.test', Date.now())).toBe('');
    expect(warnings('b.test', Date.now())).toBe(
      'the certificate does not cover b.test; it covers a.test',
    );
    expect(warnings('a.test', chain.notAfter - 13 * day)).toContain('expires soon');
    expect(warnings('a.test', chain.notAfter)).toContain('expired on');
    expect(warnings('a.test', chain.notBefore - day)).toContain('not valid before');
  });

  it('tell where no client can ask for the host', () => {
    const warnings = (host: string) => certificateWarnings(chain, host, Date.now()).join('; ');
    for (const host of ['127.0.0.1', 'b.c.d.e.f.g.h.i.j.a.test', '*.c.d.e.f.g.h.i.j.a.test']) {
      expect(warnings(host), host).toContain(`clients of ${host} see the default certificate`);
    }
    for (const host of ['c.d.e.f.g.h.i.j.a.test', '*.d.e.f.g.h.i.j.a.test', 'a.*']) {
      expect(warnings(host), host).not.toContain('default certificate');
    }
  });

  it.each([
    ['a.test', 'a.test', true],
    ['*.test', 'a.test', true],
    ['*.test', 'a.b.test', false],
    ['*.test', 'test', false],
    ['*.a.test', '*.a.test', true],
    ['*.test', '*.a.test', false],
    ['a.test', 'b.test', false],
  ])('%s covers %s: %s', (name, host, expected) => {
    expect(covers(name, host)).toBe(expected);
  });
});
