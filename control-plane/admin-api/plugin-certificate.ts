import type { Certificate, CertificateId, KeyId } from '../../shared/gateway-model.js';
import type { KeyMaterial, KeyMaterials } from '../application/key-custody.js';
import { checkPair, checkSameKey } from '../certificates/check-pair.js';
import type { Intake, IntakeFault } from '../certificates/intake-fault.js';
import { type ParsedChain, parseChain } from '../certificates/parse-chain.js';
import { type ParsedKey, parsePrivateKey } from '../certificates/parse-key.js';
import type { CertificateChoice } from '../domain/commands.js';
import { newId } from './ids.js';
import type { Errors } from './schemas/fields.js';
import { sealedKey } from './schemas/plugin-schema.js';

export interface IntakeRules {
  readonly now: number;
  readonly allowExpired: boolean;
}

/** What a request brought of the pair, trimmed. */
export interface PairInput {
  readonly cert?: string;
  readonly key?: string;
}

/** A checked upload: what to record, what goes into the vault, and what to warn about. */
export interface NewCertificate {
  readonly certificate: Certificate;
  readonly keys: KeyMaterials;
  readonly chain: ParsedChain;
}

export interface CertificateChange {
  readonly choice: CertificateChoice;
  readonly keys: KeyMaterials;
  readonly chain?: ParsedChain;
}

const keep: CertificateChange = { choice: { kind: 'keep' }, keys: new Map() };

/** The pair of a new plugin: both halves are there, parse, and belong together. */
export function readNewPair(
  { cert, key }: PairInput,
  rules: IntakeRules,
  errors: Errors,
): NewCertificate | undefined {
  const chain = cert === undefined ? undefined : note(readChain(cert, rules), errors);
  const parsedKey = key === undefined ? undefined : readKey(key, errors);
  if (chain === undefined || parsedKey === undefined) return undefined;
  const pair = checkPair(chain, parsedKey);
  note(pair, errors);
  return pair.ok ? newCertificate(chain, { kind: 'pem', keyPem: parsedKey.keyPem }) : undefined;
}

/**
 * A change of a stored pair, in which either half may be missing or, for the key, be the placeholder:
 * a new half must fit the other one as it is stored.
 */
export function readPairChange(
  { cert, key }: PairInput,
  stored: Certificate,
  rules: IntakeRules,
  errors: Errors,
): CertificateChange {
  const newCert = cert === stored.chainPem ? undefined : cert;
  const newKey = key === sealedKey ? undefined : key;
  if (newCert === undefined && newKey === undefined) return keep;
  if (newCert !== undefined && newKey !== undefined) {
    return uploadOf(readNewPair({ cert: newCert, key: newKey }, rules, errors));
  }
  const storedChain = parseChain(stored.chainPem);
  if (!storedChain.ok) {
    // It was checked when it came; only a later version's stricter rules can get here.
    note(storedChain, errors);
    return keep;
  }
  if (newKey !== undefined) {
    const parsedKey = readKey(newKey, errors);
    if (parsedKey !== undefined) note(checkPair(storedChain.value, parsedKey), errors);
    // A key that belongs to the stored leaf is the stored key: nothing changes.
    return keep;
  }
  const chain = newCert === undefined ? undefined : note(readChain(newCert, rules), errors);
  if (chain === undefined) return keep;
  note(checkSameKey(chain, storedChain.value), errors);
  return uploadOf(newCertificate(chain, { kind: 'copy', of: stored.keyId }), stored.id);
}

function uploadOf(upload: NewCertificate | undefined, basedOn?: CertificateId): CertificateChange {
  if (upload === undefined) return keep;
  const { certificate, keys, chain } = upload;
  const choice: CertificateChoice = {
    kind: 'upload',
    certificate,
    ...(basedOn !== undefined && { basedOn }),
  };
  return { choice, keys, chain };
}

function newCertificate(chain: ParsedChain, key: KeyMaterial): NewCertificate {
  const { chainPem, fingerprint256, names, notBefore, notAfter, keyAlgorithm } = chain;
  const keyId = newId<KeyId>();
  const id = newId<CertificateId>();
  const certificate: Certificate = {
    id,
    keyId,
    chainPem,
    fingerprint256,
    names,
    notBefore,
    notAfter,
    keyAlgorithm,
  };
  return { certificate, keys: new Map([[keyId, key]]), chain };
}

function readChain(cert: string, { now, allowExpired }: IntakeRules): Intake<ParsedChain> {
  const chain = parseChain(cert);
  if (!chain.ok || allowExpired || chain.value.notAfter > now) return chain;
  const date = new Date(chain.value.notAfter).toISOString();
  const reason = `it expired on ${date}; renew it, or add ?allow_expired=true to take it anyway`;
  return { ok: false, fault: { field: 'cert', code: 'certificate-expired', reason } };
}

function readKey(key: string, errors: Errors): ParsedKey | undefined {
  if (key !== sealedKey) return note(parsePrivateKey(key), errors);
  const reason = 'the placeholder of a stored key stands for nothing here; send the key';
  note({ ok: false, fault: { field: 'key', code: 'pem-missing', reason } }, errors);
  return undefined;
}

/** Kong's words first, then the reason and the mend. */
function note<T>(intake: Intake<T>, errors: Errors): T | undefined {
  if (intake.ok) return intake.value;
  const { field, reason }: IntakeFault = intake.fault;
  const words = field === 'cert' ? 'Invalid SSL certificate' : 'Invalid SSL certificate key';
  errors.set(`config.${field}`, `${words}: ${reason}`);
  return undefined;
}
