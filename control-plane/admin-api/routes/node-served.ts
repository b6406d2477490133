import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AckHistory, RecordedAck } from '../../distribution/ack-history.js';
import type { NodeRegistry } from '../../distribution/node-registry.js';
import type { History } from '../../projections/history.js';
import type { BindingNote, HistoryIndex } from '../../projections/history-index.js';
import type { AdminContext } from '../admin-context.js';
import { hostParameter, parseTime } from '../history-query.js';
import { queryOf } from '../pages.js';
import { bindingOf, presentBound } from '../past-binding.js';
import { invalid, notFound } from '../refusal.js';
import { addResource } from '../resource.js';
import { bindingSchema } from '../schemas/history-schema.js';
import type { JsonSchema } from '../schemas/json-schema.js';
import { ackSchema, presentAck } from '../schemas/node-schema.js';
import { nodeOf } from './nodes.js';

export interface NodeServedRouteOptions {
  readonly registry: NodeRegistry;
  readonly acks: AckHistory;
  readonly history: History;
}

const text: JsonSchema = { type: 'string' };

const servedQuerySchema: JsonSchema = {
  type: 'object',
  properties: {
    at: { ...text, description: 'RFC 3339 or milliseconds; now if absent.' },
    host: { ...text, description: 'Answers also which certificate the node showed for it.' },
  },
};

const servedSchema: JsonSchema = {
  ...ackSchema,
  properties: {
    ...bindingSchema.properties,
    ...ackSchema.properties,
    rejected: { ...text, description: 'Why it is not the certificate that was bound then.' },
  },
};

/** What a node proved to serve at a time, and which certificate that was for a host. */
export function addNodeServedRoute(
  server: FastifyInstance,
  { clock }: AdminContext,
  { registry, acks, history }: NodeServedRouteOptions,
): void {
  addResource(server, {
    path: '/nodes/:node/served',
    lookup: (request) => void nodeOf(registry, request),
    operations: {
      GET: {
        schema: {
          summary: 'What a node served at a time',
          querystring: servedQuerySchema,
          response: { 200: servedSchema },
        },
        handle: async ({ request, reply }) => {
          const ack = acks.at(nodeOf(registry, request).id, timeOf(request, clock()));
          if (ack === undefined) throw notFound();
          const name = queryOf(request).get('host');
          if (name === null) return void reply.send(presentAck(ack));
          const host = hostParameter(name);
          const index = await history.current();
          const { binding, rejected } = servedBinding(index, acks, ack, host);
          const bound = presentBound(index, binding);
          void reply.send({ ...presentAck(ack), host, ...bound, rejected });
        },
      },
    },
  });
}

/**
 * The binding that the node showed: the one of the revision it had acknowledged or, where it had rejected
 * that certificate, the one it served before, and so on.
 */
function servedBinding(
  index: HistoryIndex,
  acks: AckHistory,
  ack: RecordedAck,
  host: string,
): { readonly binding: BindingNote | undefined; readonly rejected: string | undefined } {
  let rejected: string | undefined;
  for (let at: RecordedAck | undefined = ack; at !== undefined; ) {
    const binding = bindingOf(index, host, at.revision);
    const reason = binding && rejectionOf(at, binding);
    if (binding === undefined || reason === undefined) return { binding, rejected };
    rejected ??= reason;
    at = acks.before(at, binding.since);
  }
  return { binding: undefined, rejected };
}

function rejectionOf({ rejections }: RecordedAck, binding: BindingNote): string | undefined {
  const { certificateId, requestHost } = binding;
  return rejections.find(
    (each) => each.certificateId === certificateId && each.hosts.includes(requestHost),
  )?.reason;
}

/** @throws Refusal 400 */
function timeOf(request: FastifyRequest, now: number): number {
  const at = queryOf(request).get('at');
  const time = at === null ? now : parseTime(at);
  if (time === undefined) {
    throw invalid(new Map([['at', 'at must be a time, as 2030-01-31T12:00:00Z']]));
  }
  return time;
}
