import { createHmac, timingSafeEqual } from 'node:crypto';
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { EventUnreadableError } from '../events/event-errors.js';
import type { EventToAppend, StoredEvent } from '../ports/event-log.js';
import type { Scope } from './scope.js';

const strict = { additionalProperties: false };
const epochMs = Type.Integer({ minimum: 0, maximum: 8.64e15 });
const hex = (digits: number) => Type.String({ pattern: `^[0-9a-f]{${digits}}$` });

const forms = {
  CredentialIssued: Type.Object(
    {
      id: hex(16),
      name: Type.String(),
      // Parsed before it was written, and nobody else can write it.
      scopes: Type.Array(Type.Unsafe<Scope>(Type.String())),
      issuedAt: epochMs,
      issuedBy: Type.String(),
      expiresAt: Type.Optional(epochMs),
      /** Of a token: what its secret is known by. */
      token: Type.Optional(Type.Object({ salt: hex(32), hash: hex(64) }, strict)),
      /** Of a client certificate: the SHA-256 of its DER. */
      fingerprint256: Type.Optional(hex(64)),
    },
    strict,
  ),
  CredentialRevoked: Type.Object(
    { id: hex(16), revokedAt: epochMs, revokedBy: Type.String() },
    strict,
  ),
  JoinTokenIssued: Type.Object({ secretHash: hex(64), expiresAt: epochMs }, strict),
  JoinTokenSpent: Type.Object({ secretHash: hex(64) }, strict),
};

const checks = {
  CredentialIssued: Compile(forms.CredentialIssued),
  CredentialRevoked: Compile(forms.CredentialRevoked),
  JoinTokenIssued: Compile(forms.JoinTokenIssued),
  JoinTokenSpent: Compile(forms.JoinTokenSpent),
};

type EntryType = keyof typeof forms;

/** What the grant log tells. Hashes only, never a secret. */
export type GrantEntry = {
  [Name in EntryType]: { readonly type: Name } & Readonly<Static<(typeof forms)[Name]>>;
}[EntryType];

export type CredentialIssued = Extract<GrantEntry, { type: 'CredentialIssued' }>;

/**
 * An entry in its stored form. Whoever may write to EventStoreDB could otherwise make himself a
 * credential or a join token, and with it have all private keys: an entry counts only with a MAC under a
 * key that lies with the control planes, at the revision it was made for.
 */
export function encodeEntry(
  { type, ...fields }: GrantEntry,
  at: { readonly id: EventToAppend['id']; readonly revision: number; readonly key: Uint8Array },
): EventToAppend {
  const data = Buffer.from(JSON.stringify(fields), 'utf8');
  return { id: at.id, type, data, metadata: macOf(type, data, at) };
}

/** `undefined` for what no control plane of this cluster wrote there. */
export function decodeEntry(stored: StoredEvent, key: Uint8Array): GrantEntry | undefined {
  const { type, data, metadata, revision } = stored;
  const mac = macOf(type, data, { revision, key });
  if (metadata.byteLength !== mac.byteLength || !timingSafeEqual(metadata, mac)) return undefined;
  const fields: unknown = JSON.parse(Buffer.from(data).toString('utf8'));
  if (!isEntryType(type) || !checks[type].Check(fields)) {
    throw new EventUnreadableError(revision, `a later version's entry in the grant log, ${type}`);
  }
  // Checked by the form of its type, which the compiler cannot follow through the table.
  return { type, ...(fields as object) } as GrantEntry;
}

function isEntryType(type: string): type is EntryType {
  return Object.hasOwn(checks, type);
}

function macOf(
  type: string,
  data: Uint8Array,
  { revision, key }: { readonly revision: number; readonly key: Uint8Array },
): Buffer {
  return createHmac('sha256', key).update(`${revision} ${type}\n`).update(data).digest();
}
