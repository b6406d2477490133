import type { FastifyInstance, FastifyRequest } from 'fastify';
import { parseRevision } from '../../../shared/revision.js';
import { type Fleet, reportOn } from '../../distribution/applied-barrier.js';
import type { NodeRegistry, NodeStatus } from '../../distribution/node-registry.js';
import type { AdminContext } from '../admin-context.js';
import { page } from '../pages.js';
import { invalid, notFound } from '../refusal.js';
import { addResource, type Call, pathParameter } from '../resource.js';
import type { FieldTable } from '../schemas/fields.js';
import { type JsonSchema, listQuerySchema, pageSchema } from '../schemas/json-schema.js';
import { appliedSchema, nodeSchema, presentApplied, presentNode } from '../schemas/node-schema.js';
import { write } from '../write.js';

export interface NodeRoutesOptions extends Fleet {
  /** A token with which one node joins before `expiresAt`, in milliseconds since the epoch. */
  readonly issueJoinToken: (expiresAt: number) => Promise<string>;
}

/** What a list of nodes can be narrowed by. */
const nodeFilters = {
  id: { type: 'id', description: 'Of the node.' },
  name: { type: 'string', maxLength: 256, description: 'As the node calls itself.' },
  version: { type: 'string', maxLength: 64, description: 'Of its build.' },
  connected: { type: 'boolean', description: 'Whether it holds its stream.' },
  ready: { type: 'boolean', description: 'Whether its certificates are usable.' },
  plugins_disagree: { type: 'boolean', description: 'Whether its plugins differ from here.' },
} as const satisfies FieldTable;

const defaultTokenSeconds = 900;
const maxTokenSeconds = 86_400;

const tokenRequestSchema: JsonSchema = {
  type: 'object',
  properties: {
    ttl_seconds: {
      type: 'integer',
      minimum: 1,
      maximum: maxTokenSeconds,
      default: defaultTokenSeconds,
    },
  },
};

const tokenSchema: JsonSchema = {
  type: 'object',
  properties: {
    token: { type: 'string', description: 'Shown this once; good for one node.' },
    expires_at: { type: 'integer', description: 'Milliseconds since the epoch.' },
  },
  required: ['token', 'expires_at'],
};

/** The fleet: which nodes there are, what they serve, how they come and go. */
export function addNodeRoutes(
  server: FastifyInstance,
  admin: AdminContext,
  options: NodeRoutesOptions,
): void {
  const { clock } = admin;
  const { registry, feed } = options;
  const present = (node: NodeStatus) => {
    const head = feed.head?.revision;
    return presentNode(node, head === undefined ? undefined : feed.neededFor(head));
  };

  addResource(server, {
    path: '/nodes',
    operations: {
      GET: {
        schema: {
          summary: 'List nodes',
          querystring: listQuerySchema(nodeFilters),
          response: { 200: pageSchema(nodeSchema) },
        },
        handle: ({ request, reply }) => {
          const nodes = registry.nodes().map((node) => ({ ...node, createdAt: node.joinedAt }));
          const entities = new Map(nodes.map((node) => [node.id, node]));
          void reply.send(page(request, { entities, fields: nodeFilters, present }));
        },
      },
    },
  });
  addResource(server, {
    path: '/nodes/join-tokens',
    operations: {
      POST: {
        schema: {
          summary: 'Make a join token',
          body: tokenRequestSchema,
          response: { 201: tokenSchema },
        },
        unrecorded: true,
        handle: async (call) => {
          const expiresAt = clock() + 1000 * tokenSeconds(call);
          const token = await options.issueJoinToken(expiresAt);
          void call.reply.code(201).send({ token, expires_at: expiresAt });
        },
      },
    },
  });
  addResource(server, {
    path: '/nodes/applied/:revision',
    operations: {
      GET: {
        schema: { summary: 'Which nodes serve a revision', response: { 200: appliedSchema } },
        handle: ({ request, reply }) => {
          const text = pathParameter(request, 'revision');
          const revision = parseRevision(text);
          if (revision === undefined) throw notFound();
          void reply.send(presentApplied(reportOn(options, revision, 'all')));
        },
      },
    },
  });
  addResource(server, {
    path: '/nodes/:node',
    lookup: (request) => void nodeOf(registry, request),
    operations: {
      GET: {
        schema: { summary: 'One node', response: { 200: nodeSchema } },
        handle: ({ request, reply }) => {
          void reply.send(present(nodeOf(registry, request)));
        },
      },
      DELETE: {
        schema: { summary: 'Revoke a node', response: { 204: { type: 'null' } } },
        handle: (call) =>
          write({
            admin,
            ...call,
            plan: () => {
              const { id: nodeId } = nodeOf(registry, call.request);
              return { command: { type: 'RevokeNode', nodeId }, subject: 'everything' };
            },
            // Each control plane cuts the node off as soon as it knows the event.
            answer: () => ({ status: 204 }),
          }),
      },
    },
  });
}

/** The node that a path names, by its id, or by its name where only one has it. @throws Refusal 404 */
export function nodeOf(registry: NodeRegistry, request: FastifyRequest): NodeStatus {
  const text = pathParameter(request, 'node');
  const byId = registry.node(text.toLowerCase());
  if (byId) return byId;
  const [byName, ...others] = registry.nodes().filter(({ name }) => name === text);
  if (byName === undefined || others.length > 0) throw notFound();
  return byName;
}

function tokenSeconds({ parameters }: Call): number {
  for (const name of parameters.keys()) {
    if (name !== 'ttl_seconds') throw invalid(new Map([[name, `${name} is an unknown field`]]));
  }
  const given = parameters.get('ttl_seconds');
  if (given === undefined) return defaultTokenSeconds;
  const seconds = typeof given === 'string' || typeof given === 'number' ? Number(given) : NaN;
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > maxTokenSeconds) {
    const message = `ttl_seconds must be a whole number from 1 to ${maxTokenSeconds}`;
    throw invalid(new Map([['ttl_seconds', message]]));
  }
  return seconds;
}
