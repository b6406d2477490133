import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { GatewayEventType, RecordedEvent } from '../../../shared/events.js';
import type { ApiId } from '../../../shared/gateway-model.js';
import { type ExpectedRevision, parseRevision } from '../../../shared/revision.js';
import type { GatewayState } from '../../domain/state.js';
import type { History } from '../../projections/history.js';
import type { EventQuery } from '../../projections/history-index.js';
import type { AdminContext } from '../admin-context.js';
import { streamEvents } from '../event-stream.js';
import { badParameter, limitParameter, revisionParameter } from '../history-query.js';
import { parseId } from '../ids.js';
import { queryOf } from '../pages.js';
import { presentEvent } from '../present-event.js';
import { addResource } from '../resource.js';
import { eventPageSchema, eventQuerySchema } from '../schemas/history-schema.js';

// One entry per type, so that a new type of event cannot be forgotten here.
const typeNames: { readonly [T in GatewayEventType]: true } = {
  LogCreated: true,
  ApiAdded: true,
  ApiUpdated: true,
  ApiDeleted: true,
  PluginAdded: true,
  PluginUpdated: true,
  PluginDeleted: true,
  CertUploaded: true,
  KeyErased: true,
  NodeAdmitted: true,
  NodeRevoked: true,
  RevisionServed: true,
  NothingChanged: true,
};

/** What was recorded, as pages or as a live stream. */
export function addEventRoutes(
  server: FastifyInstance,
  { folded }: AdminContext,
  history: History,
): void {
  const closing = new AbortController();
  server.addHook('preClose', async () => closing.abort());

  addResource(server, {
    path: '/events',
    problems: true,
    operations: {
      GET: {
        schema: {
          summary: 'Events, oldest first; as server-sent events if asked for text/event-stream',
          querystring: eventQuerySchema,
          response: { 200: eventPageSchema },
        },
        handle: async ({ request, reply }) => {
          const filters = filtersOf(queryOf(request), folded.state);
          if (wantsStream(request)) {
            await streamEvents(reply, {
              folded,
              after: startOf(request, folded.head),
              page: async (after, limit) => {
                const index = await history.current();
                const revisions = index.find({ ...filters, after, limit });
                const upTo = revisions.length < limit ? index.head : (revisions.at(-1) ?? after);
                return { events: await history.events(revisions), upTo };
              },
              present: presentRecorded,
              closing: closing.signal,
            });
            return;
          }
          const query = pageQueryOf(queryOf(request));
          const index = await history.current();
          const found = index.find({ ...filters, ...query, limit: query.limit + 1 });
          const shown = found.slice(0, query.limit);
          const last = shown.at(-1);
          const events = await history.events(shown);
          void reply.send({
            data: events.map(presentRecorded),
            head: index.head === 'empty' ? undefined : index.head,
            ...(found.length > shown.length &&
              last !== undefined && { next: nextUrl(request, query, last) }),
          });
        },
      },
    },
  });
}

export function presentRecorded({ revision, id, event, metadata }: RecordedEvent) {
  return {
    revision,
    id,
    ...presentEvent(event),
    time: metadata.time,
    actor: metadata.actor,
    correlation_id: metadata.correlationId,
  };
}

type Filters = Pick<EventQuery, 'type' | 'actor' | 'apiId' | 'host'>;

function filtersOf(query: URLSearchParams, state: GatewayState): Filters {
  const type = query.get('type');
  if (type !== null && !Object.hasOwn(typeNames, type)) {
    throw badParameter('type', `one of ${Object.keys(typeNames).join(', ')}`);
  }
  const api = query.get('api');
  const host = query.get('host');
  const actor = query.get('actor');
  return {
    ...(type !== null && { type }),
    ...(actor !== null && { actor }),
    ...(api !== null && { apiId: apiIdOf(api, state) }),
    ...(host !== null && { host: host.toLowerCase() }),
  };
}

/** By id, also of an API that is gone, or by the name it has now. */
function apiIdOf(text: string, { apiIdByName }: GatewayState): ApiId {
  const id = parseId<ApiId>(text) ?? apiIdByName.get(text);
  if (id === undefined)
    throw badParameter('api', 'the id of an API, or the name of one that is there');
  return id;
}

function pageQueryOf(query: URLSearchParams) {
  const after = revisionParameter(query, 'after');
  const before = revisionParameter(query, 'before');
  const order = query.get('order') ?? 'asc';
  if (order !== 'asc' && order !== 'desc') throw badParameter('order', 'asc or desc');
  return {
    ...(after !== undefined && { after }),
    ...(before !== undefined && { before }),
    newestFirst: order === 'desc',
    limit: limitParameter(query, 100, 1000),
  };
}

function nextUrl(
  request: FastifyRequest,
  { newestFirst, limit }: { readonly newestFirst: boolean; readonly limit: number },
  last: number,
): string {
  const next = queryOf(request);
  next.set('limit', String(limit));
  next.set(newestFirst ? 'before' : 'after', String(last));
  return `${request.protocol}://${request.host}/events?${next}`;
}

function wantsStream({ method, headers }: FastifyRequest): boolean {
  return method === 'GET' && (headers.accept ?? '').toLowerCase().includes('text/event-stream');
}

/** `Last-Event-ID` of a client that comes back, else `after`, else only what comes from now on. */
function startOf(request: FastifyRequest, head: ExpectedRevision): ExpectedRevision {
  const header = request.headers['last-event-id'];
  if (typeof header === 'string') {
    const last = parseRevision(header);
    if (last === undefined) throw badParameter('Last-Event-ID', 'a revision');
    return last;
  }
  const query = queryOf(request);
  // `after=start`: everything from the first event on.
  if (query.get('after') === 'start') return 'empty';
  return revisionParameter(query, 'after') ?? head;
}
