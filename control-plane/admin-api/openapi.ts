import swagger from '@fastify/swagger';
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify';
import { dryRunSchema } from './schemas/dry-run-schema.js';
import type { JsonSchema } from './schemas/json-schema.js';

const bodyTypes = ['application/json', 'application/x-www-form-urlencoded', 'multipart/form-data'];

/** Kong's refusals: a message, or one text for each field. */
const kongRefusal: JsonSchema = {
  description:
    'Refused: a message, or what is wrong with each field, nested ones with a dotted key.',
  type: 'object',
  additionalProperties: { type: 'string' },
};

/** Who may ask, and how often, is settled before an operation is looked for: alike on all of them. */
const guardResponses = {
  401: { ...kongRefusal, description: 'No credential, or one that is not valid.' },
  403: { ...kongRefusal, description: 'The credential has no scope for it.' },
  429: { ...kongRefusal, description: 'Too many requests, or failed attempts: see Retry-After.' },
};

const problem: JsonSchema = {
  description: 'Refused: problem details (RFC 9457).',
  type: 'object',
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
  },
  required: ['type', 'title', 'status'],
};

const problemResponse = {
  description: problem.description,
  content: { 'application/problem+json': { schema: problem } },
};

const flag = { type: 'string', enum: ['true', 'false'] } as const;

/** What every write takes beside its own parameters. */
const writeQuery = {
  dry_run: { ...flag, description: 'Only say what would be recorded.' },
  wait: {
    type: 'string',
    enum: ['applied', 'quorum'],
    description: 'Answer once all nodes, or most of them, have proved to serve it.',
  },
  wait_timeout_ms: { type: 'integer', minimum: 1, maximum: 60_000, default: 10_000 },
} as const;

const writeHeaders = {
  type: 'object',
  properties: {
    'idempotency-key': {
      type: 'string',
      maxLength: 255,
      description: 'The same key gives the same answer, and one change.',
    },
    'if-match': {
      type: 'string',
      description: 'Entity tags, of which one must be the current one.',
    },
  },
} as const;

const writes = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/**
 * Describes every route that is added after this, from the schemas that serialise its answers and name
 * its fields, at `/openapi.json`.
 */
export async function describeRoutes(server: FastifyInstance, product: string): Promise<void> {
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Signet admin API',
        version: product.split('/')[1] ?? '0',
        description:
          "Kong 0.9's admin API for APIs and the ssl plugin, and Signet's own endpoints beside it.",
      },
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer' },
        },
      },
      // None: with a client certificate, or in development mode on loopback.
      security: [{ token: [] }, {}],
    },
    transform: ({ schema, url, route }) => ({ schema: describe(schema, url, route), url }),
  });
  let text: string | undefined;
  server.get('/openapi.json', { schema: { hide: true } }, (_request, reply) => {
    // Routes cannot change once the server listens.
    text ??= JSON.stringify(server.swagger());
    return reply.type('application/json; charset=utf-8').send(text);
  });
}

function describe(schema: FastifySchema, url: string, route: RouteOptions): FastifySchema {
  if (schema?.hide === true || route.method === 'HEAD') return { ...schema, hide: true };
  const method = String(route.method);
  const isWrite = writes.has(method) && route.config?.unrecorded !== true;
  const query = propertiesOf(schema.querystring);
  const queryProperties = { ...query, ...(isWrite && writeQuery) };
  return {
    ...schema,
    tags: [url.split('/')[1] || 'node'],
    ...(schema.body !== undefined && { consumes: bodyTypes }),
    ...(Object.keys(queryProperties).length > 0 && {
      querystring: { type: 'object', properties: queryProperties },
    }),
    ...(isWrite && { headers: writeHeaders }),
    response: {
      ...guardResponses,
      ...(isWrite ? withDryRun(responsesOf(schema.response)) : responsesOf(schema.response)),
      default: route.config?.problems ? problemResponse : kongRefusal,
    },
  };
}

function propertiesOf(schema: unknown): object {
  const isObject = typeof schema === 'object' && schema !== null;
  if (!isObject || !('properties' in schema)) return {};
  const { properties } = schema;
  return typeof properties === 'object' && properties !== null ? properties : {};
}

type Responses = Readonly<Record<string, object>>;

/** A dry run is answered with 200, whatever the write itself would be. */
function withDryRun(responses: Responses): Responses {
  const done = responses['200'];
  const schema = done === undefined ? dryRunSchema : { anyOf: [done, dryRunSchema] };
  const description = done === undefined ? 'What a dry run found.' : 'Done, or a dry run.';
  return { ...responses, 200: { description, content: { 'application/json': { schema } } } };
}

/** Every answer needs a description, which a serialiser does not. */
function responsesOf(responses: unknown): Responses {
  if (typeof responses !== 'object' || responses === null) return {};
  const described = Object.entries(responses).map(([status, schema]) => [
    status,
    { description: meanings.get(status) ?? 'The answer.', ...schema },
  ]);
  return Object.fromEntries(described);
}

const meanings = new Map([
  ['200', 'Done, or found.'],
  ['201', 'Created.'],
  ['204', 'Done; there is nothing to say.'],
]);
