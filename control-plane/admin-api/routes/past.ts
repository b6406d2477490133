import type { FastifyInstance } from 'fastify';
import type { Revision } from '../../../shared/revision.js';
import type { PastStates } from '../../application/past-states.js';
import type { GatewayState } from '../../domain/state.js';
import type { History } from '../../projections/history.js';
import type { HistoryIndex } from '../../projections/history-index.js';
import type { AdminContext } from '../admin-context.js';
import { hostParameter, momentOf } from '../history-query.js';
import { queryOf } from '../pages.js';
import { bindingOf, presentBound } from '../past-binding.js';
import { setTag } from '../preconditions.js';
import { presentBinding, presentLeaf } from '../present-event.js';
import { addResource, pathParameter } from '../resource.js';
import { presentApi } from '../schemas/api-schema.js';
import { bindingSchema, momentQuerySchema, stateSchema } from '../schemas/history-schema.js';

export interface PastRoutesOptions {
  readonly history: History;
  readonly pastStates: PastStates;
}

/** The configuration as it was, and which certificate a host had. */
export function addPastRoutes(
  server: FastifyInstance,
  { folded }: AdminContext,
  { history, pastStates }: PastRoutesOptions,
): void {
  addResource(server, {
    path: '/state',
    problems: true,
    operations: {
      GET: {
        schema: {
          summary: 'The whole configuration as it is, or was',
          querystring: momentQuerySchema,
          response: { 200: stateSchema },
        },
        handle: async ({ request, reply }) => {
          const index = await history.current();
          const query = queryOf(request);
          const moment = { revision: query.get('revision'), at: query.get('at') };
          const revision = momentOf(moment, folded, index);
          const state = await pastStates.at(revision);
          setTag(reply, revision);
          void reply.send(presentState(state, revision, timeOf(index, revision)));
        },
      },
    },
  });
  addResource(server, {
    path: '/hosts/:host/certificate',
    problems: true,
    operations: {
      GET: {
        schema: {
          summary: 'Which certificate a host has, or had, since when and by whom',
          querystring: momentQuerySchema,
          response: { 200: bindingSchema },
        },
        handle: async ({ request, reply }) => {
          const host = hostParameter(pathParameter(request, 'host'));
          const index = await history.current();
          const query = queryOf(request);
          const moment = { revision: query.get('revision'), at: query.get('at') };
          const revision = momentOf(moment, folded, index);
          setTag(reply, revision);
          void reply.send({
            host,
            revision,
            time: timeOf(index, revision),
            ...presentBound(index, bindingOf(index, host, revision)),
          });
        },
      },
    },
  });
}

function presentState(state: GatewayState, revision: Revision, time: string) {
  return {
    revision,
    time,
    ...(state.logId !== undefined && { log_id: state.logId }),
    apis: Array.from(state.apis.values(), presentApi),
    plugins: Array.from(state.plugins.values(), presentBinding),
    certificates: Array.from(state.certificates.values(), presentLeaf),
  };
}

function timeOf(index: HistoryIndex, revision: Revision): string {
  return new Date(index.note(revision)?.time ?? 0).toISOString();
}
