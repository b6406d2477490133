import { OpensslBench, type Pair } from './openssl.js';

/** Pairs that many tests need, made once per test file. */
export function makePairs(): {
  readonly a: Pair;
  readonly b: Pair;
  /** Another certificate for the key of `a`. */
  readonly renewed: Pair;
} {
  const openssl = new OpensslBench();
  try {
    const keyA = openssl.key('EC', 'ec_paramgen_curve:P-256');
    const keyB = openssl.key('EC', 'ec_paramgen_curve:P-256');
    const pairOf = (key: string, name: string) => ({
      cert: openssl.certificate(key, { subject: `/CN=${name}`, names: [name] }).trim(),
      key: key.trim(),
    });
    return {
      a: pairOf(keyA, 'a.test'),
      b: pairOf(keyB, 'b.test'),
      renewed: pairOf(keyA, 'a.test'),
    };
  } finally {
    openssl.dispose();
  }
}
