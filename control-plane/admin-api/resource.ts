import type {} from '@fastify/swagger';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify';
import type { RawObject } from './body/raw-value.js';
import { readParameters } from './body/read-parameters.js';
import { queryOf } from './pages.js';
import { methodNotAllowed, Refusal } from './refusal.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    problems?: true;
    unrecorded?: true;
  }
}

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type Method = (typeof methods)[number];

export interface Call {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** Of POST, PUT and PATCH; empty for the others, whose bodies are ignored. */
  readonly parameters: RawObject;
}

export interface Operation {
  readonly handle: (call: Call) => Promise<void> | void;
  /** Documents the operation and serialises its answers; validation is ours, in Kong's words. */
  readonly schema: FastifySchema;
  /**
   * A write that is no change of the configuration: nothing of it goes into the event log, so it knows
   * neither `If-Match` nor `Idempotency-Key`, and refuses `dry_run` instead of being carried out.
   */
  readonly unrecorded?: true;
}

export interface Resource {
  readonly path: string;
  /**
   * Says 404 if what the path names is not there; asked for methods that the path does not have. The
   * operations look for themselves: a repeated deletion must find its answer, not the gap it left.
   */
  readonly lookup?: (request: FastifyRequest) => void;
  readonly operations: { readonly [M in Method]?: Operation };
  /** The most fields a JSON body may have, where it may hold a list of entities. */
  readonly maxFields?: number;
  /** Signet's own: refusals are problem details (RFC 9457), not Kong's bodies. */
  readonly problems?: true;
}

/** `?dry_run=true`: only say what would be recorded. */
export function isDryRun(request: FastifyRequest): boolean {
  return queryOf(request).get('dry_run')?.toLowerCase() === 'true';
}

/** A parameter of the route's path, percent-decoded: whatever the client wrote. */
export function pathParameter({ params }: FastifyRequest, name: string): string {
  // The router gives an object of texts, by the names in the route's pattern.
  return (params as Readonly<Record<string, string>>)[name] ?? '';
}

/**
 * Registers a path with its operations, in Kong's order of refusals: no Content-Type (415), unreadable
 * body (400), unknown entity (404), method (405), then the operation's own.
 */
export function addResource(server: FastifyInstance, resource: Resource): void {
  const { path, lookup, operations, problems, maxFields } = resource;
  for (const method of methods) {
    const operation = operations[method];
    server.route({
      method,
      url: path,
      schema: operation?.schema ?? { hide: true },
      config: {
        ...(problems && { problems }),
        ...(operation?.unrecorded && { unrecorded: operation.unrecorded }),
      },
      handler: async (request, reply) => {
        const hasBody = method === 'POST' || method === 'PUT' || method === 'PATCH';
        const parameters: RawObject = hasBody
          ? await readParameters(request, maxFields)
          : new Map();
        if (operation === undefined) {
          lookup?.(request);
          throw methodNotAllowed();
        }
        if (operation.unrecorded && isDryRun(request)) {
          throw new Refusal(400, { message: 'There is no dry run of this; nothing was done' });
        }
        await operation.handle({ request, reply, parameters });
        return reply;
      },
    });
  }
}
