import { hostname } from 'node:os';
import type { FastifyInstance } from 'fastify';
import type { AdminContext } from '../admin-context.js';
import { addResource } from '../resource.js';
import type { JsonSchema } from '../schemas/json-schema.js';

const counter: JsonSchema = { type: 'integer', minimum: 0 };

const informationSchema: JsonSchema = {
  type: 'object',
  properties: {
    tagline: { type: 'string' },
    version: { type: 'string' },
    hostname: { type: 'string' },
    plugins: {
      type: 'object',
      properties: {
        available_on_server: { type: 'object', additionalProperties: { type: 'boolean' } },
        enabled_in_cluster: { type: 'array', items: { type: 'string' } },
      },
      required: ['available_on_server', 'enabled_in_cluster'],
    },
  },
  required: ['tagline', 'version', 'hostname', 'plugins'],
};

const statusSchema: JsonSchema = {
  type: 'object',
  properties: {
    server: {
      type: 'object',
      properties: {
        connections_active: counter,
        connections_reading: counter,
        connections_writing: counter,
        connections_waiting: counter,
        connections_accepted: counter,
        connections_handled: counter,
        total_requests: counter,
      },
    },
    database: {
      type: 'object',
      properties: { apis: counter, plugins: counter, certificates: counter },
      required: ['apis', 'plugins', 'certificates'],
    },
  },
  required: ['server', 'database'],
};

export function addNodeInformationRoutes(server: FastifyInstance, admin: AdminContext): void {
  const { folded, product, pluginsAvailable } = admin;
  const [name = '', version = ''] = product.split('/');
  addResource(server, {
    path: '/',
    operations: {
      GET: {
        schema: { summary: 'This node', response: { 200: informationSchema } },
        handle: ({ reply }) => {
          const { plugins } = folded.state;
          void reply.send({
            tagline: `Welcome to ${name}`,
            version,
            hostname: hostname(),
            plugins: {
              available_on_server: Object.fromEntries(pluginsAvailable.map((each) => [each, true])),
              enabled_in_cluster: plugins.size === 0 ? [] : ['ssl'],
            },
          });
        },
      },
    },
  });
  addResource(server, {
    path: '/live',
    operations: {
      GET: {
        schema: {
          summary: 'Whether the control plane answers; asked without a credential',
          response: { 200: { type: 'object', properties: { live: { type: 'boolean' } } } },
        },
        handle: ({ reply }) => void reply.send({ live: true }),
      },
    },
  });
  addResource(server, {
    path: '/status',
    operations: {
      GET: {
        schema: { summary: 'Counters', response: { 200: statusSchema } },
        handle: ({ reply }) => {
          const { apis, plugins, certificates } = folded.state;
          void reply.send({
            server: admin.connectionCounters(),
            database: {
              apis: apis.size,
              plugins: plugins.size,
              certificates: certificates.size,
            },
          });
        },
      },
    },
  });
}
