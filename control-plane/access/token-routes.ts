import { X509Certificate } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { Logger } from '../../shared/logger.js';
import type { RawObject, RawValue } from '../admin-api/body/raw-value.js';
import { page } from '../admin-api/pages.js';
import { notFound, Refusal } from '../admin-api/refusal.js';
import { addResource } from '../admin-api/resource.js';
import type { FieldTable } from '../admin-api/schemas/fields.js';
import { type JsonSchema, listQuerySchema, pageSchema } from '../admin-api/schemas/json-schema.js';
import type { Clock } from '../ports/clock.js';
import { CredentialError } from './access-errors.js';
import type { AccessStore } from './access-store.js';
import { type Credential, type CredentialRequest, checkCredentialRequest } from './credential.js';
import { principalOf } from './guard.js';

export interface TokenRoutesOptions {
  readonly store: AccessStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

const credentialSchema = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    name: { type: 'string' },
    kind: { type: 'string', enum: ['token', 'certificate'] },
    scopes: { type: 'array', items: { type: 'string' } },
    created_at: { type: 'integer' },
    created_by: { type: 'string' },
    expires_at: { type: 'integer' },
    revoked_at: { type: 'integer' },
    revoked_by: { type: 'string' },
    token: { type: 'string', description: 'Only in the answer that makes it.' },
  },
  required: ['id', 'name', 'kind', 'scopes', 'created_at', 'created_by'],
} as const;

const requestSchema = {
  type: 'object',
  properties: {
    name: { type: 'string', description: 'Named in every event that it leads to.' },
    scopes: { type: 'array', items: { type: 'string' }, description: 'What it is good for.' },
    expires_at: { type: 'integer', description: 'Milliseconds since the epoch; absent: never.' },
    certificate: { type: 'string', description: 'PEM: its holder is let in, without a token.' },
  },
  required: ['name', 'scopes'],
  additionalProperties: false,
} as const satisfies JsonSchema;

/** What a list of credentials can be narrowed by. */
const filters = {
  id: { type: 'string', maxLength: 36, description: 'Of the credential.' },
  name: { type: 'string', maxLength: 256, description: 'As whoever made it called it.' },
  kind: { type: 'string', maxLength: 16, description: 'Token or certificate.' },
  created_by: { type: 'string', maxLength: 256, description: 'Who made it.' },
} as const satisfies FieldTable;

/** Credentials of the admin API: listed without their secrets, made, revoked. */
export function addTokenRoutes(server: FastifyInstance, options: TokenRoutesOptions): void {
  const { store, clock, logger } = options;
  addResource(server, {
    path: '/tokens',
    operations: {
      GET: {
        schema: {
          summary: 'List credentials, also expired and revoked ones',
          querystring: listQuerySchema(filters),
          response: { 200: pageSchema(credentialSchema) },
        },
        handle: ({ request, reply }) => {
          const entities = new Map(store.list().map((each) => [each.id, each]));
          void reply.send(page(request, { entities, fields: filters, present }));
        },
      },
      POST: {
        schema: {
          summary: 'Make a credential',
          body: requestSchema,
          response: { 201: credentialSchema },
        },
        unrecorded: true,
        handle: async ({ request, reply, parameters }) => {
          const { actor } = principalOf(request);
          const { credential, token } = await issue(store, parameters, actor, clock());
          const { id, name, scopes } = credential;
          logger.info({ credentialId: id, name, scopes, actor }, 'credential made');
          void reply
            .code(201)
            .header('cache-control', 'no-store')
            .send({ ...present(credential), ...(token === undefined ? {} : { token }) });
        },
      },
    },
  });
  addResource(server, {
    path: '/tokens/:id',
    operations: {
      DELETE: {
        schema: { summary: 'Revoke a credential', response: { 204: { type: 'null' } } },
        unrecorded: true,
        handle: async ({ request, reply }) => {
          // The router fills in what the path names.
          const { id } = request.params as { readonly id: string };
          const { actor } = principalOf(request);
          const revoked = await store.revoke(id, actor);
          if (revoked === undefined) throw notFound();
          logger.info({ credentialId: id, name: revoked.name, actor }, 'credential revoked');
          void reply.code(204).send();
        },
      },
    },
  });
}

async function issue(store: AccessStore, parameters: RawObject, actor: string, now: number) {
  try {
    return await store.issue(readRequest(parameters, now), actor);
  } catch (error) {
    if (!(error instanceof CredentialError)) throw error;
    throw new Refusal(400, { [error.field]: error.message });
  }
}

/** @throws CredentialError */
function readRequest(parameters: RawObject, now: number): CredentialRequest {
  for (const name of parameters.keys()) {
    if (!Object.hasOwn(requestSchema.properties, name))
      throw new CredentialError(name, `${name} is an unknown field`);
  }
  const name = parameters.get('name');
  if (typeof name !== 'string') throw new CredentialError('name', 'name is required');
  const expiresAt = parameters.get('expires_at');
  return checkCredentialRequest(
    {
      name,
      scopes: readScopes(parameters.get('scopes')),
      expiresAt: expiresAt === undefined ? undefined : Number(expiresAt),
      certificateFingerprint256: readFingerprint(parameters.get('certificate')),
    },
    now,
  );
}

/** A list, or one text with commas, as forms send it. */
function readScopes(value: RawValue | undefined): string[] {
  if (value === undefined) return [];
  const list = typeof value === 'string' ? value.split(',') : value;
  if (!Array.isArray(list) || !list.every((each) => typeof each === 'string')) {
    throw new CredentialError('scopes', 'expects a list of scopes');
  }
  return list.map((each: string) => each.trim());
}

function readFingerprint(value: RawValue | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value.length > 64 * 1024) {
    throw new CredentialError('certificate', 'expects a PEM certificate');
  }
  try {
    return new X509Certificate(value).fingerprint256;
  } catch {
    // The parser's words are of no use to whoever sent it.
    throw new CredentialError('certificate', 'expects a PEM certificate');
  }
}

function present(credential: Credential): object {
  const { id, name, kind, scopes, createdAt, createdBy, expiresAt, revokedAt, revokedBy } =
    credential;
  return {
    id,
    name,
    kind,
    scopes,
    created_at: createdAt,
    created_by: createdBy,
    ...(expiresAt === undefined ? {} : { expires_at: expiresAt }),
    ...(revokedAt === undefined ? {} : { revoked_at: revokedAt }),
    ...(revokedBy === undefined ? {} : { revoked_by: revokedBy }),
  };
}
