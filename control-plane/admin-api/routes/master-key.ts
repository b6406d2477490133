import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { MasterKeyError } from '../../ports/key-vault-errors.js';
import type { AdminContext } from '../admin-context.js';
import { Refusal } from '../refusal.js';
import { addResource } from '../resource.js';
import type { JsonSchema } from '../schemas/json-schema.js';

/** The part of the key vault's upkeep that an operator starts. */
export interface MasterKeyControl {
  readonly masterKeyId: string;
  readonly isRunning: boolean;
  rotate(): Promise<void>;
}

/** A rotation that takes longer goes on after the answer. */
const longestWaitMs = 20_000;

const schema: JsonSchema = {
  type: 'object',
  properties: {
    master_key_id: {
      type: 'string',
      description:
        'Tells master keys from each other; derived from the key, says nothing about it.',
    },
    rotating: { type: 'boolean', description: 'Whether data keys are being wrapped anew.' },
  },
  required: ['master_key_id', 'rotating'],
};

/** `GET /master-key` and `POST /master-key/rotations`: change the key that wraps all private keys. */
export function addMasterKeyRoutes(
  server: FastifyInstance,
  { logger }: AdminContext,
  masterKey: MasterKeyControl,
): void {
  const present = () => ({ master_key_id: masterKey.masterKeyId, rotating: masterKey.isRunning });
  addResource(server, {
    path: '/master-key',
    operations: {
      GET: {
        schema: { summary: 'Which master key is in use', response: { 200: schema } },
        handle: ({ reply }) => void reply.send(present()),
      },
    },
  });
  addResource(server, {
    path: '/master-key/rotations',
    operations: {
      POST: {
        schema: { summary: 'Rotate the master key', response: { 200: schema, 202: schema } },
        unrecorded: true,
        handle: async ({ reply }) => {
          const rotation = masterKey.rotate();
          // Told in the log if nobody waits for the answer any more.
          rotation.catch((error) => logger.error({ err: error }, 'the master key was not rotated'));
          const late = delay(longestWaitMs, undefined, { ref: false });
          try {
            await Promise.race([rotation, late]);
          } catch (error) {
            if (error instanceof MasterKeyError) throw new Refusal(409, { message: error.message });
            throw error;
          }
          await reply.code(masterKey.isRunning ? 202 : 200).send(present());
        },
      },
    },
  });
}
