import type { FastifyInstance } from 'fastify';
import type { NodeRegistry } from '../../distribution/node-registry.js';
import type { SnapshotFeed } from '../../distribution/snapshot-feed.js';
import type { Clock } from '../../ports/clock.js';
import type { ControlState } from '../../ports/control-state.js';
import type { HostDirectory } from '../../projections/host-directory.js';
import { streamLatest } from '../latest-stream.js';
import { addResource } from '../resource.js';
import type { JsonSchema } from '../schemas/json-schema.js';
import { nodeSchema, presentNode } from '../schemas/node-schema.js';

export interface OverviewRoutesOptions {
  readonly folded: ControlState;
  readonly clock: Clock;
  readonly registry: Pick<NodeRegistry, 'nodes' | 'watch'>;
  readonly feed: Pick<SnapshotFeed, 'head' | 'neededFor'>;
  readonly directory: () => HostDirectory;
}

const count: JsonSchema = { type: 'integer', minimum: 0 };

const overviewSchema: JsonSchema = {
  type: 'object',
  properties: {
    revision: { ...count, description: 'The last of the log.' },
    served_revision: { ...count, description: 'That a node serves which lacks nothing.' },
    time: { type: 'string', format: 'date-time' },
    hosts: count,
    without_certificate: { ...count, description: 'Hosts that show the default certificate.' },
    expiring: {
      type: 'array',
      description: 'Pairs of whole days left and so many hosts, ascending; negative is past.',
      items: { type: 'array', items: { type: 'integer' } },
    },
    nodes: { type: 'array', items: nodeSchema },
  },
  required: ['time', 'hosts', 'without_certificate', 'expiring', 'nodes'],
};

/** The whole at a glance, once or as it changes: what a page shows that somebody leaves open. */
export function addOverviewRoute(
  server: FastifyInstance,
  { folded, clock, registry, feed, directory }: OverviewRoutesOptions,
): void {
  const closing = new AbortController();
  server.addHook('preClose', async () => closing.abort());

  const present = () => {
    const now = clock();
    const hosts = directory();
    const { withoutCertificate, days } = hosts.expiries(now);
    const published = feed.head?.revision;
    const needed = published === undefined ? undefined : feed.neededFor(published);
    return {
      ...(folded.head !== 'empty' && { revision: folded.head }),
      ...(needed !== undefined && { served_revision: needed }),
      time: new Date(now).toISOString(),
      hosts: hosts.size,
      without_certificate: withoutCertificate,
      expiring: days,
      nodes: registry.nodes().map((node) => presentNode(node, needed)),
    };
  };

  addResource(server, {
    path: '/overview',
    problems: true,
    operations: {
      GET: {
        schema: {
          summary: 'The whole at a glance; as server-sent events if asked for text/event-stream',
          response: { 200: overviewSchema },
        },
        handle: async ({ request, reply }) => {
          const accept = (request.headers.accept ?? '').toLowerCase();
          if (request.method !== 'GET' || !accept.includes('text/event-stream')) {
            void reply.send(present());
            return;
          }
          await streamLatest(reply, {
            event: 'overview',
            present,
            watch: (changed) => {
              const unwatchLog = folded.onRecorded(changed);
              const unwatchNodes = registry.watch(changed);
              return () => {
                unwatchLog();
                unwatchNodes();
              };
            },
            closing: closing.signal,
          });
        },
      },
    },
  });
}
