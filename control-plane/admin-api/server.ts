import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { TlsOptions } from 'node:tls';
import multipart from '@fastify/multipart';
import { type FastifyError, type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import { redactPrivateKeys } from '../../shared/redact.js';
import type { AdminContext } from './admin-context.js';
import { bodyLimits } from './body/raw-value.js';
import { describeRoutes } from './openapi.js';
import { problemOf } from './problem.js';
import { notFound, Refusal } from './refusal.js';
import { addApiPluginRoutes } from './routes/api-plugins.js';
import { addApiRoutes } from './routes/apis.js';
import { addCertificatesRoute } from './routes/certificates.js';
import { addNodeInformationRoutes } from './routes/node-information.js';
import { addPluginRoutes } from './routes/plugins.js';
import { endUnusedConnections } from './unused-connections.js';

export interface AdminServerOptions extends AdminContext {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Certificate and key of the listener; plain HTTP without. */
  readonly tls?: TlsOptions | undefined;
  /** More routes under the same listener, e.g. of nodes, metrics or the console. */
  readonly extensions?: readonly ((server: FastifyInstance, admin: AdminContext) => void)[];
}

export interface AdminServer {
  readonly fastify: FastifyInstance;
  listen(): Promise<AddressInfo>;
  /** Refuses new requests, lets those under way end, closes idle connections. */
  close(): Promise<void>;
}

const corsMethods = 'GET,HEAD,PUT,PATCH,POST,DELETE';
const corsHeaders = 'Content-Type,Authorization,If-Match,Idempotency-Key';
const bodyMethods = new Set(['POST', 'PUT', 'PATCH']);

/** The admin API: Kong's endpoints as Kong answered them, and Signet's own under the same listener. */
export async function createAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const server = fastify({
    https: options.tls ?? null,
    logger: false,
    bodyLimit: bodyLimits.bytes,
    genReqId: requestId,
    // Names of 255 characters, percent-encoded.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1024 },
    requestTimeout: 60_000,
    frameworkErrors: (_error, _request, reply) => sendRefusal(reply, notFound()),
    // The type of a server depends on `https`; no route looks below the instance.
  }) as unknown as FastifyInstance;
  // Validation is the field tables' work, with Kong's words for each fault.
  server.setValidatorCompiler(() => () => true);
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
  await server.register(multipart);
  await describeRoutes(server, options.product);

  server.addHook('onRequest', async (request, reply) => {
    reply
      .header('server', options.product)
      .header('access-control-allow-origin', '*')
      .header('x-request-id', request.id);
  });
  // After what extensions hook to a request: these answers too are for those who are let in.
  server.addHook('preParsing', async (request, reply) => {
    if (request.method === 'OPTIONS') {
      return reply
        .code(204)
        .header('access-control-allow-methods', corsMethods)
        .header('access-control-allow-headers', corsHeaders)
        .send();
    }
    const { headers } = request.raw;
    if (bodyMethods.has(request.method)) {
      if (headers['content-type'] === undefined) throw new Refusal(415);
    } else if (headers['content-type'] !== undefined) {
      // A body that is ignored must not be refused for its type.
      headers['content-type'] = 'application/octet-stream';
    }
    if (Number(request.headers['content-length']) > bodyLimits.bytes) throw new Refusal(413);
    return undefined;
  });
  endUnusedConnections(server);
  server.setNotFoundHandler(async () => {
    throw notFound();
  });
  server.setErrorHandler<FastifyError | Error>((error, request, reply) =>
    answerError(options, error, request.id, reply),
  );

  addNodeInformationRoutes(server, options);
  addApiRoutes(server, options);
  addApiPluginRoutes(server, options);
  addPluginRoutes(server, options);
  addCertificatesRoute(server, options);
  for (const extend of options.extensions ?? []) extend(server, options);

  return {
    fastify: server,
    async listen() {
      await server.listen({ host: options.host, port: options.port });
      const address = server.server.address();
      // A TCP listener has an AddressInfo as soon as it listens.
      return address as AddressInfo;
    },
    close: () => server.close(),
  };
}

function requestId(request: { headers: NodeJS.Dict<string | string[]> }): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
}

function answerError(
  { logger }: AdminContext,
  error: FastifyError | Error,
  correlationId: string,
  reply: FastifyReply,
): FastifyReply {
  if (error instanceof Refusal) return sendRefusal(reply, error);
  const code = 'code' in error ? error.code : undefined;
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return sendRefusal(reply, new Refusal(413));
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return sendRefusal(reply, new Refusal(415));
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return sendRefusal(
        reply,
        new Refusal(400, { message: 'The body is not as long as announced' }),
      );
    case 'SIGNET_LOG_UNAVAILABLE':
    case 'SIGNET_VAULT_UNAVAILABLE':
    case 'SIGNET_REVISION_CONFLICT':
      logger.warn({ err: error, correlationId }, 'a write was not carried out');
      return sendRefusal(reply, unavailable('Nothing was changed, try again'));
    case 'SIGNET_HISTORY_BEHIND':
      logger.warn({ err: error, correlationId }, 'a question about the past was not answered');
      return sendRefusal(reply, unavailable('The history is being made anew, try again'));
    case 'SIGNET_APPEND_OUTCOME_UNKNOWN':
      logger.error({ err: error, correlationId }, 'whether a write stands is not known');
      return sendRefusal(reply, unavailable('Whether this was recorded is not known, look first'));
    case 'SIGNET_LOG_TRIMMED':
      return sendRefusal(reply, new Refusal(410, { code: 'log-trimmed', message: error.message }));
    case 'SIGNET_EVENT_TOO_LARGE':
      return sendRefusal(reply, new Refusal(413, { message: 'This is too large to be recorded' }));
    default:
      logger.error({ err: error, correlationId }, 'an admin request failed');
      return sendRefusal(reply, new Refusal(500, { message: 'An unexpected error occurred' }));
  }
}

function unavailable(message: string): Refusal {
  return new Refusal(503, { message });
}

function sendRefusal(reply: FastifyReply, refusal: Refusal): FastifyReply {
  const { mediaType, body } = reply.routeOptions.config.problems
    ? { mediaType: 'application/problem+json', body: problemOf(refusal) }
    : { mediaType: 'application/json; charset=utf-8', body: refusal.body };
  reply.code(refusal.status).header('content-type', mediaType);
  // As it is, past any response schema of the route: those describe what succeeds.
  // A refusal repeats what was wrong; a key sent in the wrong place is not repeated to the screen.
  const text = body === undefined ? '' : redactPrivateKeys(JSON.stringify(body));
  return reply.serializer(String).send(text);
}
