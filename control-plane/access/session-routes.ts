import type { FastifyInstance } from 'fastify';
import { addResource } from '../admin-api/resource.js';
import { developmentActor } from './credential.js';
import { principalOf } from './guard.js';

const sessionSchema = {
  type: 'object',
  properties: {
    actor: { type: 'string', description: 'What events name as their actor.' },
    scopes: { type: 'array', items: { type: 'string' } },
    development: {
      type: 'boolean',
      description: 'Whether everybody on this machine is let in, as long as there is no token.',
    },
  },
  required: ['actor', 'scopes', 'development'],
} as const;

/** Who the caller is to the admin API, so that a page need not offer what would be refused. */
export function addSessionRoute(server: FastifyInstance): void {
  addResource(server, {
    path: '/session',
    problems: true,
    operations: {
      GET: {
        schema: { summary: 'Who is calling, and what for', response: { 200: sessionSchema } },
        handle: ({ request, reply }) => {
          const { actor, scopes } = principalOf(request);
          void reply
            .header('cache-control', 'no-store')
            .send({ actor, scopes, development: actor === developmentActor });
        },
      },
    },
  });
}
