import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { PluginId, SslPlugin } from '../../../shared/gateway-model.js';
import type { GatewayState } from '../../domain/state.js';
import type { AdminContext } from '../admin-context.js';
import { parseId } from '../ids.js';
import { page } from '../pages.js';
import {
  certificateOf,
  changePlugin,
  createPlugin,
  deletePlugin,
  putPlugin,
} from '../plugin-writes.js';
import { setTag, tagOf } from '../preconditions.js';
import { invalid, notFound, Refusal } from '../refusal.js';
import { addResource, type Operation, pathParameter, type Resource } from '../resource.js';
import {
  documentSchema,
  inputSchema,
  listQuerySchema,
  pageSchema,
} from '../schemas/json-schema.js';
import { kongPluginSchema } from '../schemas/kong-plugin-schema.js';
import { pluginFields, presentPlugin, sslConfigFields } from '../schemas/plugin-schema.js';

const pluginDocument = documentSchema(pluginFields);

export const pluginListing = {
  querystring: listQuerySchema(pluginFields),
  response: { 200: pageSchema(pluginDocument) },
};
export const pluginCreation = {
  body: inputSchema(pluginFields, 'whole'),
  response: { 201: pluginDocument },
};
export const pluginPut = {
  body: inputSchema(pluginFields, 'whole'),
  response: { 200: pluginDocument, 201: pluginDocument },
};

export function addPluginRoutes(server: FastifyInstance, admin: AdminContext): void {
  const everywhere = () => undefined;
  addResource(server, {
    path: '/plugins',
    operations: {
      GET: {
        schema: { summary: 'List plugins', ...pluginListing },
        handle: ({ request, reply }) => {
          const { state, head } = admin.folded;
          setTag(reply, head);
          const present = (plugin: SslPlugin) =>
            presentPlugin(plugin, certificateOf(state, plugin));
          const entities = state.plugins;
          void reply.send(page(request, { entities, fields: pluginFields, present }));
        },
      },
      POST: {
        schema: { summary: 'Add a plugin', ...pluginCreation },
        handle: (call) => createPlugin(admin, call, everywhere),
      },
      PUT: {
        schema: { summary: 'Add a plugin, or replace the one whose id is given', ...pluginPut },
        handle: (call) => putPlugin(admin, call, everywhere),
      },
    },
  });
  addResource(server, {
    path: '/plugins/enabled',
    operations: {
      GET: {
        schema: {
          summary: 'Plugins that exist on this node',
          response: {
            200: {
              type: 'object',
              properties: { enabled_plugins: { type: 'array', items: { type: 'string' } } },
              required: ['enabled_plugins'],
            },
          },
        },
        handle: ({ reply }) => void reply.send({ enabled_plugins: admin.pluginsAvailable }),
      },
    },
  });
  addResource(server, {
    path: '/plugins/schema/:name',
    operations: { GET: schemaOperation(admin) },
  });
  addResource(server, {
    path: '/plugins/:id',
    ...pluginOperations(admin, findPlugin),
  });
}

/** The operations on one plugin, wherever it is addressed. */
export function pluginOperations(
  admin: AdminContext,
  find: (state: GatewayState, request: FastifyRequest) => SslPlugin,
): Pick<Resource, 'lookup' | 'operations'> {
  return {
    lookup: (request) => void find(admin.folded.state, request),
    operations: {
      GET: {
        schema: { summary: 'One plugin', response: { 200: pluginDocument } },
        handle: ({ request, reply }) => {
          const { state, head } = admin.folded;
          const plugin = find(state, request);
          setTag(reply, tagOf(state, head, plugin.id));
          void reply.send(presentPlugin(plugin, certificateOf(state, plugin)));
        },
      },
      PATCH: {
        schema: {
          summary: 'Change settings of a plugin',
          body: inputSchema(pluginFields, 'partial'),
          response: { 200: pluginDocument },
        },
        handle: (call) => changePlugin(admin, call, (state) => find(state, call.request)),
      },
      DELETE: {
        schema: { summary: 'Delete a plugin', response: { 204: { type: 'null' } } },
        handle: (call) => deletePlugin(admin, call, (state) => find(state, call.request)),
      },
    },
  };
}

/** @throws Refusal 400 if the path holds no UUID, 404 if no plugin has it. */
export function findPlugin(state: GatewayState, request: FastifyRequest): SslPlugin {
  const text = pathParameter(request, 'id');
  const id = parseId<PluginId>(text);
  if (id === undefined) {
    throw invalid(new Map([['id', `${text.slice(0, 200)} is not a valid uuid`]]));
  }
  const plugin = state.plugins.get(id);
  if (plugin === undefined) throw notFound();
  return plugin;
}

function schemaOperation({ pluginsAvailable }: AdminContext): Operation {
  return {
    schema: {
      summary: 'Settings of a plugin',
      response: { 200: { type: 'object', additionalProperties: true } },
    },
    handle: ({ request, reply }) => {
      const name = pathParameter(request, 'name');
      if (!pluginsAvailable.includes(name)) {
        throw new Refusal(404, { message: `No plugin named '${name.slice(0, 200)}'` });
      }
      void reply.send(kongPluginSchema(sslConfigFields));
    },
  };
}
