import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { SslPlugin } from '../../../shared/gateway-model.js';
import type { GatewayState } from '../../domain/state.js';
import type { AdminContext } from '../admin-context.js';
import { page } from '../pages.js';
import { certificateOf, createPlugin, putPlugin } from '../plugin-writes.js';
import { setTag } from '../preconditions.js';
import { notFound } from '../refusal.js';
import { addResource } from '../resource.js';
import { pluginFields, presentPlugin } from '../schemas/plugin-schema.js';
import { apiOf } from './apis.js';
import {
  findPlugin,
  pluginCreation,
  pluginListing,
  pluginOperations,
  pluginPut,
} from './plugins.js';

/** Plugins as they are addressed under their API. */
export function addApiPluginRoutes(server: FastifyInstance, admin: AdminContext): void {
  addResource(server, {
    path: '/apis/:api/plugins',
    lookup: (request) => void apiOf(admin.folded.state, request),
    operations: {
      GET: {
        schema: { summary: 'List plugins of an API', ...pluginListing },
        handle: ({ request, reply }) => {
          const { state, head } = admin.folded;
          setTag(reply, head);
          const api = apiOf(state, request);
          const present = (plugin: SslPlugin) =>
            presentPlugin(plugin, certificateOf(state, plugin));
          const within = (plugin: SslPlugin) => plugin.apiId === api.id;
          const entities = state.plugins;
          void reply.send(page(request, { entities, fields: pluginFields, present, within }));
        },
      },
      POST: {
        schema: { summary: 'Add a plugin to an API', ...pluginCreation },
        handle: (call) => createPlugin(admin, call, (state) => apiOf(state, call.request)),
      },
      PUT: {
        schema: { summary: 'Add a plugin to an API, or replace it', ...pluginPut },
        handle: (call) => putPlugin(admin, call, (state) => apiOf(state, call.request)),
      },
    },
  });
  addResource(server, {
    path: '/apis/:api/plugins/:id',
    ...pluginOperations(admin, findApiPlugin),
  });
}

/** A plugin of another API is not found here. */
function findApiPlugin(state: GatewayState, request: FastifyRequest): SslPlugin {
  const api = apiOf(state, request);
  const plugin = findPlugin(state, request);
  if (plugin.apiId !== api.id) throw notFound();
  return plugin;
}
