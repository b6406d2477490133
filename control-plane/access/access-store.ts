import { randomBytes } from 'node:crypto';
import type { Clock } from '../ports/clock.js';
import { CredentialError } from './access-errors.js';
import type { Credential, CredentialRequest } from './credential.js';
import type { GrantLog, Grants, KnownCredential } from './grant-log.js';
import { isTokenOf, mintToken, type PresentedToken } from './token.js';

export interface AccessStoreOptions {
  readonly log: GrantLog;
  readonly clock: Clock;
}

/** What came of presenting a credential. */
export type Verdict =
  | { readonly status: 'valid'; readonly credential: Credential }
  /** It was ours, and the caller had the secret. */
  | { readonly status: 'expired' | 'revoked'; readonly credential: Credential }
  | { readonly status: 'unknown' };

export interface IssuedCredential {
  readonly credential: Credential;
  /** Only for tokens; cannot be had again. */
  readonly token?: string;
}

/**
 * The credentials of the admin API, in a log of their own: a copy of the event log or the vault lets
 * nobody in, and a copy of this one neither, since it holds hashes. A revocation holds for the next
 * request, at another control plane of the cluster as soon as it hears of it. Credentials are never
 * deleted: the actor of an old event stays known, and a store that had one once never opens up again.
 */
export class AccessStore {
  readonly #log: GrantLog;
  readonly #clock: Clock;

  constructor(options: AccessStoreOptions) {
    this.#log = options.log;
    this.#clock = options.clock;
  }

  /** Whether a credential was ever made: from then on nobody gets in without one. */
  hasCredentials(): boolean {
    return this.#log.grants.everGuarded;
  }

  /** @throws CredentialError if the name or the client certificate is taken. */
  async issue(request: CredentialRequest, createdBy: string): Promise<IssuedCredential> {
    const { entry, token } = this.#draft(request, createdBy);
    await this.#log.record((grants) => {
      checkUnused(grants, request);
      return entry;
    });
    const credential = toCredential(entry);
    return token === undefined ? { credential } : { credential, token };
  }

  /** The first credential of all; `undefined` if there is one, made by another control plane just now. */
  async issueFirst(request: CredentialRequest, createdBy: string): Promise<string | undefined> {
    const { entry, token } = this.#draft(request, createdBy);
    const recorded = await this.#log.record(({ everGuarded }) => (everGuarded ? undefined : entry));
    return recorded && token;
  }

  verifyToken({ id, secret }: PresentedToken): Verdict {
    const known = this.#log.grants.credentials.get(id);
    const digest = known?.token && {
      salt: Buffer.from(known.token.salt, 'hex'),
      hash: Buffer.from(known.token.hash, 'hex'),
    };
    return isTokenOf(digest, secret) ? this.#judge(known) : { status: 'unknown' };
  }

  /** The caller proved in the TLS handshake that it has the certificate's key. */
  verifyCertificate(fingerprint256: string): Verdict {
    const { credentials, credentialIdByFingerprint } = this.#log.grants;
    const id = credentialIdByFingerprint.get(fingerprint256);
    return this.#judge(id === undefined ? undefined : credentials.get(id));
  }

  /** Whether the credential with this id still lets its holder in. */
  isValid(id: string): boolean {
    return this.#judge(this.#log.grants.credentials.get(id)).status === 'valid';
  }

  /** All, also expired and revoked ones, oldest first. */
  list(): Credential[] {
    return [...this.#log.grants.credentials.values()].map(toCredential);
  }

  /** Refused from now on, and its open requests are told; `undefined` if there is none of that id. */
  async revoke(id: string, revokedBy: string): Promise<Credential | undefined> {
    const revokedAt = this.#clock();
    await this.#log.record(({ credentials }) => {
      const known = credentials.get(id);
      if (known === undefined || known.revokedAt !== undefined) return undefined;
      return { type: 'CredentialRevoked', id, revokedAt, revokedBy };
    });
    const revoked = this.#log.grants.credentials.get(id);
    return revoked && toCredential(revoked);
  }

  /** Called after a credential was issued or revoked, wherever. Returns what ends it. */
  onChange(listener: () => void): () => void {
    return this.#log.onChange(listener);
  }

  #draft({ name, scopes, expiresAt, certificateFingerprint256 }: CredentialRequest, by: string) {
    const minted = certificateFingerprint256 === undefined ? mintToken() : undefined;
    const entry = {
      type: 'CredentialIssued' as const,
      id: minted?.id ?? randomBytes(8).toString('hex'),
      name,
      scopes: [...scopes],
      issuedAt: this.#clock(),
      issuedBy: by,
      ...(expiresAt === undefined ? {} : { expiresAt }),
      ...(minted && {
        token: {
          salt: Buffer.from(minted.digest.salt).toString('hex'),
          hash: Buffer.from(minted.digest.hash).toString('hex'),
        },
      }),
      ...(certificateFingerprint256 && { fingerprint256: certificateFingerprint256 }),
    };
    return { entry, token: minted?.text };
  }

  #judge(known: KnownCredential | undefined): Verdict {
    if (known === undefined) return { status: 'unknown' };
    const credential = toCredential(known);
    if (credential.revokedAt !== undefined) return { status: 'revoked', credential };
    if (credential.expiresAt !== undefined && credential.expiresAt <= this.#clock()) {
      return { status: 'expired', credential };
    }
    return { status: 'valid', credential };
  }
}

function checkUnused(grants: Grants, request: CredentialRequest): void {
  const { name, certificateFingerprint256: fingerprint } = request;
  if (grants.credentialIdByName.has(name)) {
    throw new CredentialError('name', `'${name}' is or was in use, choose another`);
  }
  if (fingerprint !== undefined && grants.credentialIdByFingerprint.has(fingerprint)) {
    throw new CredentialError('certificate_fingerprint', 'is already known');
  }
}

function toCredential(known: KnownCredential): Credential {
  const { id, name, scopes, issuedAt, issuedBy, expiresAt, revokedAt, revokedBy } = known;
  return {
    id,
    name,
    kind: known.fingerprint256 === undefined ? 'token' : 'certificate',
    scopes,
    createdAt: issuedAt,
    createdBy: issuedBy,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(revokedAt === undefined ? {} : { revokedAt }),
    ...(revokedBy === undefined ? {} : { revokedBy }),
  };
}
