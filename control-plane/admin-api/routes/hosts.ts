import type { FastifyInstance } from 'fastify';
import type { ControlState } from '../../ports/control-state.js';
import type { HostDirectory, HostQuery } from '../../projections/host-directory.js';
import { badParameter, limitParameter, parseTime } from '../history-query.js';
import { queryOf } from '../pages.js';
import { Refusal } from '../refusal.js';
import { addResource, pathParameter } from '../resource.js';
import {
  hostDetailSchema,
  hostPageSchema,
  presentHost,
  presentHostDetail,
} from '../schemas/host-schema.js';

const defaultLimit = 100;
const maxLimit = 500;

const time = { type: 'string', description: 'RFC 3339, or milliseconds since the epoch.' } as const;
const hostQuerySchema = {
  type: 'object',
  properties: {
    search: { type: 'string', maxLength: 255, description: 'In hosts, APIs and fingerprints.' },
    order: { type: 'string', enum: ['host', 'expiry'], default: 'host' },
    expires_from: time,
    expires_until: time,
    bound: { type: 'string', enum: ['true', 'false'], description: 'With a certificate or not.' },
    offset: { type: 'integer', minimum: 0, default: 0 },
    limit: { type: 'integer', minimum: 1, maximum: maxLimit, default: defaultLimit },
  },
} as const;

/**
 * Hosts with their certificates, by any page of any search: what a list needs that shows a window on
 * 100,000 of them. For going through all of them, `/apis` has cursors that stand still.
 */
export function addHostRoutes(
  server: FastifyInstance,
  { folded }: { readonly folded: ControlState },
  directory: () => HostDirectory,
): void {
  addResource(server, {
    path: '/hosts',
    problems: true,
    operations: {
      GET: {
        schema: {
          summary: 'Hosts with their certificates, searched and in order',
          querystring: hostQuerySchema,
          response: { 200: hostPageSchema },
        },
        handle: ({ request, reply }) => {
          const { entries, total } = directory().find(readQuery(queryOf(request)));
          const { state, head } = folded;
          void reply.send({
            data: entries.map((entry) => presentHost(entry, state)),
            total,
            ...(head !== 'empty' && { revision: head }),
          });
        },
      },
    },
  });
  addResource(server, {
    path: '/hosts/:host',
    problems: true,
    operations: {
      GET: {
        schema: { summary: 'One host with its certificate', response: { 200: hostDetailSchema } },
        handle: ({ request, reply }) => {
          const entry = directory().entry(pathParameter(request, 'host'));
          if (entry === undefined) {
            throw new Refusal(404, { code: 'no-such-host', message: 'No API has this host' });
          }
          void reply.send(presentHostDetail(entry, folded.state));
        },
      },
    },
  });
}

const known = Object.keys(hostQuerySchema.properties);

function readQuery(query: URLSearchParams): HostQuery {
  for (const name of query.keys()) {
    if (!known.includes(name)) throw badParameter(name, `one of ${known.join(', ')}`);
  }
  const order = query.get('order') ?? 'host';
  if (order !== 'host' && order !== 'expiry') throw badParameter('order', 'host or expiry');
  const search = query.get('search') ?? '';
  if (search.length > 255) throw badParameter('search', 'at most 255 characters');
  const bound = query.get('bound');
  if (bound !== null && bound !== 'true' && bound !== 'false') {
    throw badParameter('bound', 'true or false');
  }
  const offset = Number(query.get('offset') ?? 0);
  if (!Number.isSafeInteger(offset) || offset < 0) throw badParameter('offset', 'a number from 0');
  const expiresFrom = timeParameter(query, 'expires_from');
  const expiresUntil = timeParameter(query, 'expires_until');
  return {
    search,
    order,
    ...(expiresFrom !== undefined && { expiresFrom }),
    ...(expiresUntil !== undefined && { expiresUntil }),
    ...(bound !== null && { isBound: bound === 'true' }),
    offset,
    limit: limitParameter(query, defaultLimit, maxLimit),
  };
}

function timeParameter(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const time = parseTime(text);
  if (time === undefined) throw badParameter(name, 'a time, as 2030-01-31T12:00:00Z');
  return time;
}
