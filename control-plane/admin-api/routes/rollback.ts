import type { FastifyInstance } from 'fastify';
import type { ApiId } from '../../../shared/gateway-model.js';
import type { CommandRejection } from '../../application/command-outcome.js';
import type { RollbackScope } from '../../domain/commands.js';
import type { GatewayState } from '../../domain/state.js';
import type { AdminContext } from '../admin-context.js';
import type { RawObject, RawValue } from '../body/raw-value.js';
import { momentOf } from '../history-query.js';
import { parseId } from '../ids.js';
import { refusalFor } from '../kong-rejections.js';
import { presentEvent } from '../present-event.js';
import { Refusal } from '../refusal.js';
import { addResource, type Call } from '../resource.js';
import { rollbackAnswerSchema, rollbackSchema } from '../schemas/history-schema.js';
import { write } from '../write.js';
import type { PastRoutesOptions } from './past.js';

const members = new Set(['revision', 'at', 'api', 'host']);

/** Going back: forward events that make the configuration, or a part of it, what it was. */
export function addRollbackRoute(
  server: FastifyInstance,
  admin: AdminContext,
  options: PastRoutesOptions,
): void {
  addResource(server, {
    path: '/rollback',
    problems: true,
    operations: {
      POST: {
        schema: {
          summary: 'Make everything, one API or one host what it was',
          body: rollbackSchema,
          response: { 200: rollbackAnswerSchema },
        },
        handle: (call) => rollBack(admin, options, call),
      },
    },
  });
}

async function rollBack(
  admin: AdminContext,
  { history, pastStates }: PastRoutesOptions,
  call: Call,
): Promise<void> {
  const given = readMembers(call.parameters);
  if (given.get('revision') === undefined && given.get('at') === undefined) {
    throw bad('revision, or at, says what to go back to');
  }
  const moment = { revision: given.get('revision') ?? null, at: given.get('at') ?? null };
  const revision = momentOf(moment, admin.folded, await history.current());
  const target = await pastStates.at(revision);
  await write({
    admin,
    ...call,
    refuse,
    plan: (state) => {
      const scope = scopeOf(given, state, target);
      const subject = scope.kind === 'api' ? scope.apiId : 'everything';
      return { command: { type: 'Rollback', target, scope }, subject };
    },
    answer: (events) => ({
      status: 200,
      body: { restored: revision, events: events.map(presentEvent) },
    }),
  });
}

function readMembers(parameters: RawObject): ReadonlyMap<string, string> {
  const given = new Map<string, string>();
  for (const [name, value] of parameters) {
    if (!members.has(name)) throw bad(`${name.slice(0, 100)} is an unknown field`);
    given.set(name, textOf(name, value));
  }
  return given;
}

function textOf(name: string, value: RawValue): string {
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'string' || value.trim() === '') throw bad(`${name} is not a string`);
  return value.trim();
}

function scopeOf(
  given: ReadonlyMap<string, string>,
  state: GatewayState,
  target: GatewayState,
): RollbackScope {
  const api = given.get('api');
  const host = given.get('host');
  if (api !== undefined && host !== undefined) throw bad('api and host exclude each other');
  if (host !== undefined) {
    const key = host.toLowerCase();
    if (!state.apiIdByHost.has(key) && !target.apiIdByHost.has(key)) {
      throw new Refusal(404, { code: 'no-such-host', message: 'No API has, or had, this host' });
    }
    return { kind: 'host', requestHost: host };
  }
  if (api === undefined) return { kind: 'everything' };
  const apiId = parseId<ApiId>(api) ?? state.apiIdByName.get(api) ?? target.apiIdByName.get(api);
  if (apiId === undefined || !(state.apis.has(apiId) || target.apis.has(apiId))) {
    throw new Refusal(404, { code: 'no-such-api', message: 'No API has, or had, this id or name' });
  }
  return { kind: 'api', apiId };
}

function bad(message: string): Refusal {
  return new Refusal(400, { code: 'bad-parameter', message });
}

/** What stands in the way of going back, in our own words. */
function refuse(rejection: CommandRejection): Refusal {
  switch (rejection.code) {
    case 'key-erased':
      return new Refusal(409, {
        code: 'key-erased',
        message:
          'Private keys that this needs were erased and cannot be had again: upload a certificate ' +
          'and key for these hosts, or roll back other APIs one by one',
        lost: rejection.lost.map(({ certificateId, fingerprint256, requestHost }) => ({
          certificate_id: certificateId,
          fingerprint256,
          ...(requestHost !== undefined && { request_host: requestHost }),
        })),
      });
    case 'already-exists':
      return new Refusal(409, {
        code: 'value-taken',
        message: 'Another API, outside what is rolled back, holds values that would come back',
        conflicts: rejection.conflicts,
      });
    default: {
      const { status, body } = refusalFor(rejection);
      return new Refusal(status, { code: rejection.code, ...body });
    }
  }
}
