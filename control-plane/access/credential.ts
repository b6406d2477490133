import { CredentialError } from './access-errors.js';
import { parseScope, plainScopes, type Scope } from './scope.js';

/** Who may use the admin API, and for what. Never holds the secret. */
export interface Credential {
  /** 16 lower-case hex digits. */
  readonly id: string;
  /** The actor of every event that the credential leads to. Unique among all, also revoked ones. */
  readonly name: string;
  readonly kind: 'token' | 'certificate';
  readonly scopes: readonly Scope[];
  /** Milliseconds since the epoch, as the other times. */
  readonly createdAt: number;
  readonly createdBy: string;
  readonly expiresAt?: number;
  readonly revokedAt?: number;
  readonly revokedBy?: string;
}

/** What a caller asks for, checked. */
export interface CredentialRequest {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly expiresAt?: number;
  /** SHA-256 of a client certificate's DER, 64 lower-case hex digits; a token is made without it. */
  readonly certificateFingerprint256?: string;
}

/** Actors that are no credential. */
export const developmentActor = 'development';
const reservedNames = ['system', developmentActor];

/** @throws CredentialError naming the field. */
export function checkCredentialRequest(
  request: {
    readonly name: string;
    readonly scopes: readonly string[];
    readonly expiresAt?: number | undefined;
    readonly certificateFingerprint256?: string | undefined;
  },
  now: number,
): CredentialRequest {
  const { name, expiresAt } = request;
  if (!/^[0-9A-Za-z][0-9A-Za-z._@-]{0,63}$/.test(name)) {
    throw new CredentialError('name', 'expects 1 to 64 letters, digits and . _ @ -');
  }
  if (reservedNames.includes(name)) {
    throw new CredentialError('name', `'${name}' is reserved, choose another`);
  }
  if (request.scopes.length === 0) {
    throw new CredentialError('scopes', `at least one is needed: ${scopeHelp}`);
  }
  if (request.scopes.length > maxScopes) {
    throw new CredentialError('scopes', `at most ${maxScopes}`);
  }
  const scopes = request.scopes.map((text) => {
    const scope = parseScope(text);
    if (scope === undefined) throw new CredentialError('scopes', `each is one of ${scopeHelp}`);
    return scope;
  });
  if (expiresAt !== undefined && !(Number.isSafeInteger(expiresAt) && expiresAt > now)) {
    throw new CredentialError('expires_at', 'expects a time to come, milliseconds since the epoch');
  }
  const fingerprint = request.certificateFingerprint256?.replaceAll(':', '').toLowerCase();
  if (fingerprint !== undefined && !/^[0-9a-f]{64}$/.test(fingerprint)) {
    throw new CredentialError('certificate_fingerprint', 'expects a SHA-256, 64 hex digits');
  }
  return {
    name,
    scopes: [...new Set(scopes)],
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(fingerprint === undefined ? {} : { certificateFingerprint256: fingerprint }),
  };
}

const maxScopes = 100;
const scopeHelp = `${plainScopes.join(', ')}, certificates:HOST`;
