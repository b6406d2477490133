import { certificateWarnings } from '../../../control-plane/certificates/certificate-warnings.js';
import { checkPair } from '../../../control-plane/certificates/check-pair.js';
import type { Intake } from '../../../control-plane/certificates/intake-fault.js';
import { parseChain } from '../../../control-plane/certificates/parse-chain.js';
import { parsePrivateKey } from '../../../control-plane/certificates/parse-key.js';
import { readPemBlocks } from '../../../control-plane/certificates/pem.js';
import { OpensslBench, type Pair } from '../../support/openssl.js';
import type { FuzzTarget } from '../fuzz-target.js';
import { bytesOf, mutated, textOf } from '../mutations.js';

const pemTokens = [
  '-----BEGIN CERTIFICATE-----\n',
  '-----END CERTIFICATE-----\n',
  '-----BEGIN PRIVATE KEY-----\n',
  '-----END PRIVATE KEY-----',
  '-----BEGIN ',
  '-----',
  'Proc-Type: 4,ENCRYPTED\n\n',
  '====',
];

/** Of every kind that is taken, and a chain. */
function samples(): Pair[] {
  const bench = new OpensslBench();
  try {
    const keys = [
      bench.key('EC', 'ec_paramgen_curve:P-256'),
      bench.key('EC', 'ec_paramgen_curve:P-384'),
      bench.key('RSA', 'rsa_keygen_bits:1024'),
      bench.key('ED25519'),
    ];
    const names = ['a.test', '*.b.test'];
    const pairs = keys.map((key) => ({ key, cert: bench.certificate(key, { names }) }));
    const issuerKey = bench.key('EC', 'ec_paramgen_curve:P-256');
    const issuer = {
      key: issuerKey,
      cert: bench.certificate(issuerKey, { subject: '/CN=ca', names: [], ca: true }),
    };
    const key = bench.key('EC', 'ec_paramgen_curve:P-256');
    const cert = bench.certificate(key, { issuer }) + issuer.cert;
    return [...pairs, { key, cert }];
  } finally {
    bench.dispose();
  }
}

const now = Date.parse('2026-06-01');

function takeChain(text: string): void {
  const parsed = check(parseChain(text), text);
  if (parsed === undefined) return;
  certificateWarnings(parsed, 'a.test', now);
  // What is taken once is taken again: it comes back from the log.
  if (!parseChain(parsed.chainPem).ok) throw new Error('a chain that was taken does not parse');
  if (/PRIVATE KEY/.test(parsed.chainPem)) throw new Error('a key went into the chain');
}

function takeKey(text: string, chains: readonly string[]): void {
  const parsed = check(parsePrivateKey(text), text);
  if (parsed === undefined) return;
  if (!parsePrivateKey(parsed.keyPem).ok) throw new Error('a key that was taken does not parse');
  for (const chain of chains) {
    const leaf = parseChain(chain);
    if (leaf.ok) check(checkPair(leaf.value, parsed), text);
  }
}

/** A refusal has words for people, in which nothing of the input stands. */
function check<T>(intake: Intake<T>, text: string): T | undefined {
  if (intake.ok) return intake.value;
  const { reason } = intake.fault;
  if (reason === '' || /[\r\n\0]/.test(reason) || reason.length > 300) {
    throw new Error(`unfit reason: ${JSON.stringify(reason)}`);
  }
  const lines = text.split(/\s+/).filter((line) => line.length >= 24 && !line.includes('-----'));
  if (lines.some((line) => reason.includes(line))) throw new Error('the reason quotes the input');
  return undefined;
}

/** Changes the DER inside of the PEM, which changes of the text hardly ever reach. */
function derOf(pem: string, field: 'cert' | 'key'): Uint8Array[] {
  const blocks = readPemBlocks(pem, field, { maxBytes: 64 * 1024, maxBlocks: 10 });
  return blocks.ok ? blocks.value.map(({ der }) => der) : [];
}

const armoured = (label: string, der: Uint8Array) =>
  `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64')}\n-----END ${label}-----`;

export const certificateTargets: readonly FuzzTarget[] = [
  {
    name: 'chain-pem',
    share: 8,
    prepare: () => ({
      inputs: mutated(bytesOf(...samples().map(({ cert }) => cert)), { tokens: pemTokens }),
      run: (input) => takeChain(textOf(input)),
    }),
  },
  {
    name: 'chain-der',
    share: 8,
    prepare: () => ({
      inputs: mutated(samples().flatMap(({ cert }) => derOf(cert, 'cert'))),
      run: (input) => takeChain(armoured('CERTIFICATE', input)),
    }),
  },
  {
    name: 'key-pem',
    share: 6,
    prepare: () => {
      const pairs = samples();
      const chains = pairs.map(({ cert }) => cert);
      return {
        inputs: mutated(bytesOf(...pairs.map(({ key }) => key)), { tokens: pemTokens }),
        run: (input) => takeKey(textOf(input), chains),
      };
    },
  },
  {
    name: 'key-der',
    share: 6,
    prepare: () => {
      const pairs = samples();
      const chains = pairs.map(({ cert }) => cert);
      return {
        inputs: mutated(pairs.flatMap(({ key }) => derOf(key, 'key'))),
        run: (input) => takeKey(armoured('PRIVATE KEY', input), chains),
      };
    },
  },
];
