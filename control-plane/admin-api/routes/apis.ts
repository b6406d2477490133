import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { GatewayEvent } from '../../../shared/events.js';
import type { Api, ApiId } from '../../../shared/gateway-model.js';
import type { GatewayState } from '../../domain/state.js';
import type { AdminContext } from '../admin-context.js';
import { newId, parseId } from '../ids.js';
import { page } from '../pages.js';
import { setTag, tagOf } from '../preconditions.js';
import { invalid, notFound, Refusal } from '../refusal.js';
import { addResource, type Call, pathParameter } from '../resource.js';
import { apiFields, presentApi, readApiChanges, readWholeApi } from '../schemas/api-schema.js';
import type { Errors } from '../schemas/fields.js';
import {
  documentSchema,
  inputSchema,
  type JsonSchema,
  listQuerySchema,
  pageSchema,
} from '../schemas/json-schema.js';
import { type Answer, write } from '../write.js';

const apiDocument = documentSchema(apiFields);
const wholeApi: JsonSchema = {
  ...inputSchema(apiFields, 'whole'),
  anyOf: [{ required: ['request_host'] }, { required: ['request_path'] }],
};

export function addApiRoutes(server: FastifyInstance, admin: AdminContext): void {
  addResource(server, {
    path: '/apis',
    operations: {
      GET: {
        schema: {
          summary: 'List APIs',
          querystring: listQuerySchema(apiFields),
          response: { 200: pageSchema(apiDocument) },
        },
        handle: ({ request, reply }) => {
          const entities = admin.folded.state.apis;
          setTag(reply, admin.folded.head);
          void reply.send(page(request, { entities, fields: apiFields, present: presentApi }));
        },
      },
      POST: {
        schema: {
          summary: 'Add an API',
          body: wholeApi,
          response: { 201: apiDocument },
        },
        handle: (call) => createApi(admin, call),
      },
      PUT: {
        schema: {
          summary: 'Add an API, or replace the one whose id is given',
          body: wholeApi,
          response: { 200: apiDocument, 201: apiDocument },
        },
        handle: (call) =>
          call.parameters.has('id') ? replaceApi(admin, call) : createApi(admin, call),
      },
    },
  });
  addResource(server, {
    path: '/apis/:api',
    lookup: (request) => void apiOf(admin.folded.state, request),
    operations: {
      GET: {
        schema: { summary: 'One API', response: { 200: apiDocument } },
        handle: ({ request, reply }) => {
          const { state, head } = admin.folded;
          const api = apiOf(state, request);
          setTag(reply, tagOf(state, head, api.id));
          void reply.send(presentApi(api));
        },
      },
      PATCH: {
        schema: {
          summary: 'Change fields of an API',
          body: inputSchema(apiFields, 'partial'),
          response: { 200: apiDocument },
        },
        handle: (call) => changeApi(admin, call),
      },
      DELETE: {
        schema: { summary: 'Delete an API and its plugin', response: { 204: { type: 'null' } } },
        handle: (call) => deleteApi(admin, call),
      },
    },
  });
}

/** The API that a path names: a UUID is an id, anything else a name. @throws Refusal 404 */
export function apiOf(state: GatewayState, request: FastifyRequest): Api {
  const text = pathParameter(request, 'api');
  const id = parseId<ApiId>(text) ?? state.apiIdByName.get(text);
  const api = id === undefined ? undefined : state.apis.get(id);
  if (api === undefined) throw notFound();
  return api;
}

function createApi(admin: AdminContext, call: Call): Promise<void> {
  const errors: Errors = new Map();
  const read = readWholeApi(call.parameters, errors);
  if (read === undefined) throw invalid(errors);
  const id = parseId<ApiId>(read.input.id) ?? newId<ApiId>();
  const createdAt = read.input.created_at ?? admin.clock();
  return write({
    admin,
    ...call,
    plan: () => ({
      command: { type: 'AddApi', id, createdAt, settings: read.settings },
      subject: 'everything',
    }),
    answer: apiAnswer(call, admin, id),
  });
}

function replaceApi(admin: AdminContext, call: Call): Promise<void> {
  const errors: Errors = new Map();
  const read = readWholeApi(call.parameters, errors);
  if (read === undefined) throw invalid(errors);
  const { id: given, created_at: createdAt } = read.input;
  const id = parseId<ApiId>(given);
  // A blank id is no id.
  if (id === undefined) return createApi(admin, call);
  return write({
    admin,
    ...call,
    plan: () => ({
      command: {
        type: 'ReplaceApi',
        id,
        ...(createdAt !== undefined && { createdAt }),
        settings: read.settings,
      },
      subject: id,
    }),
    answer: apiAnswer(call, admin, id),
  });
}

function changeApi(admin: AdminContext, call: Call): Promise<void> {
  return write({
    admin,
    ...call,
    plan: (state) => {
      const before = apiOf(state, call.request);
      if (call.parameters.size === 0) throw new Refusal(400, { message: 'empty body' });
      const errors: Errors = new Map();
      const { input, changes, unset } = readApiChanges(call.parameters, before, errors);
      if (input.id !== undefined && input.id !== before.id)
        errors.set('id', 'id cannot be changed');
      if (errors.size > 0) throw invalid(errors);
      const createdAt = input.created_at;
      return {
        command: {
          type: 'ChangeApi',
          id: before.id,
          changes: { ...changes, ...(createdAt !== undefined && { createdAt }) },
          unset,
        },
        subject: before.id,
      };
    },
    answer: (events, after) => {
      const api = apiAmong(events) ?? apiOf(after, call.request);
      return present(call, admin, api, after, 200);
    },
  });
}

function deleteApi(admin: AdminContext, call: Call): Promise<void> {
  return write({
    admin,
    ...call,
    plan: (state) => {
      const { id } = apiOf(state, call.request);
      return { command: { type: 'DeleteApi', id }, subject: id };
    },
    answer: () => ({ status: 204 }),
  });
}

function apiAnswer(call: Call, admin: AdminContext, id: ApiId) {
  return (events: readonly GatewayEvent[], after: GatewayState): Answer => {
    const api = apiAmong(events) ?? after.apis.get(id);
    if (api === undefined) throw notFound();
    const created = events.some(({ type }) => type === 'ApiAdded');
    return present(call, admin, api, after, created ? 201 : 200);
  };
}

function apiAmong(events: readonly GatewayEvent[]): Api | undefined {
  for (const event of events) {
    if (event.type === 'ApiAdded' || event.type === 'ApiUpdated') return event.data.api;
  }
  return undefined;
}

function present(
  { reply }: Call,
  { folded }: AdminContext,
  api: Api,
  state: GatewayState,
  status: number,
): Answer {
  setTag(reply, tagOf(state, folded.head, api.id));
  return { status, body: presentApi(api) };
}
