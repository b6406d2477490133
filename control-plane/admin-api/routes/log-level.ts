import type { FastifyInstance } from 'fastify';
import { type LogLevel, logLevels } from '../../../shared/config-schema.js';
import type { RootLogger } from '../../../shared/create-logger.js';
import type { AdminContext } from '../admin-context.js';
import type { RawObject } from '../body/raw-value.js';
import { Refusal } from '../refusal.js';
import { addResource } from '../resource.js';
import type { JsonSchema } from '../schemas/json-schema.js';

const schema: JsonSchema = {
  type: 'object',
  properties: {
    level: {
      type: 'string',
      enum: logLevels,
      description: 'What is less than this is not logged.',
    },
  },
  required: ['level'],
  additionalProperties: false,
};

/** `GET` and `PUT /log-level`: of this process and what it started, until it ends. */
export function addLogLevelRoutes(
  server: FastifyInstance,
  { identify }: AdminContext,
  log: RootLogger,
): void {
  const present = () => ({ level: log.level });
  addResource(server, {
    path: '/log-level',
    problems: true,
    operations: {
      GET: {
        schema: { summary: 'What is logged at least', response: { 200: schema } },
        handle: ({ reply }) => void reply.send(present()),
      },
      PUT: {
        schema: {
          summary: 'Log at another level until the next start',
          body: schema,
          response: { 200: schema },
        },
        unrecorded: true,
        handle: async ({ request, reply, parameters }) => {
          const level = readLevel(parameters);
          const actor = await identify(request);
          // Before: that somebody silences the log is the last thing it has to tell.
          log.warn({ from: log.level, to: level, actor }, 'log level changes');
          log.level = level;
          await reply.send(present());
        },
      },
    },
  });
}

/** @throws Refusal 400 */
function readLevel(parameters: RawObject): LogLevel {
  const unknown = [...parameters.keys()].find((name) => name !== 'level');
  if (unknown !== undefined) throw new Refusal(400, { message: `${unknown} is an unknown field` });
  const level = logLevels.find((each) => each === parameters.get('level'));
  if (level === undefined) {
    throw new Refusal(400, { message: `level is one of ${logLevels.join(', ')}` });
  }
  return level;
}
