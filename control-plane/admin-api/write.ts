import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GatewayEvent, RecordedEvent } from '../../shared/events.js';
import type { ExpectedRevision } from '../../shared/revision.js';
import type { CommandRejection } from '../application/command-outcome.js';
import type { KeyMaterials } from '../application/key-custody.js';
import type { AppliedWait } from '../distribution/applied-barrier.js';
import type { Command } from '../domain/commands.js';
import { fold } from '../domain/evolve.js';
import type { GatewayState } from '../domain/state.js';
import type { AdminContext } from './admin-context.js';
import type { RawObject } from './body/raw-value.js';
import { dryRun } from './dry-run.js';
import { eventsOf, idempotencyOf } from './idempotency.js';
import { refusalFor } from './kong-rejections.js';
import { preconditionOf, type Subject } from './preconditions.js';
import { Refusal } from './refusal.js';
import { isDryRun } from './resource.js';
import { waitApplied, waitOf } from './wait-applied.js';

/** A request turned into a command, on the state as it is now. */
export interface PlannedWrite {
  readonly command: Command;
  readonly keys?: KeyMaterials;
  /** What was taken but is probably not meant; goes into headers and the log. */
  readonly warnings?: readonly string[];
  /** What `If-Match` is compared with. */
  readonly subject: Subject;
}

export interface Answer {
  readonly status: number;
  readonly body?: object;
}

export interface Write {
  readonly admin: AdminContext;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly parameters?: RawObject;
  /** Called anew if what it was planned on is gone. @throws Refusal */
  readonly plan: (state: GatewayState) => PlannedWrite;
  /** Words for the domain's no; Kong's unless given. */
  readonly refuse?: (rejection: CommandRejection) => Refusal;
  /** What a dry run says beside the events and bindings. */
  readonly report?: (events: readonly GatewayEvent[], after: GatewayState) => object;
  /** The events say only what was changed: the rest of the answer is in the state. */
  readonly answersFromState?: true;
  /** From the events and the state after them, so that a repeated request is answered alike. */
  readonly answer: (events: readonly GatewayEvent[], after: GatewayState) => Answer;
}

const maxReplans = 10;

/**
 * The way of every write: answer a repeated request from the log, plan, decide and record (or only show
 * what would be recorded), then answer with the revision, the warnings and the entity.
 * @throws Refusal in Kong's words.
 */
export async function write(each: Write): Promise<void> {
  const { admin, request, reply, parameters } = each;
  const { folded, handler, logger } = admin;
  const actor = await admin.identify(request);
  const idempotency = idempotencyOf(request, actor, parameters);
  const wait = waitOf(admin, request);
  if (isDryRun(request)) {
    // Past the route's response schema, which describes what the write itself would answer.
    const { state, head } = folded;
    const planned = authorised(each, state);
    const isMet = preconditionOf(request, planned.subject)?.(state, head) ?? true;
    const report = JSON.stringify(dryRun(state, planned, isMet, each));
    await reply.type('application/json; charset=utf-8').serializer(String).send(report);
    return;
  }
  const known = idempotency && folded.state.idempotentWrites.get(idempotency.key);
  if (known !== undefined) {
    if (known.request !== idempotency?.request)
      throw refusalFor({ code: 'idempotency-key-reused' });
    await repeat(each, known, wait);
    return;
  }
  for (let attempt = 1; ; attempt++) {
    const { command, keys, warnings = [], subject } = authorised(each, folded.state);
    const matches = preconditionOf(request, subject);
    // Looked at once more on the state that is decided on, which may be a later one.
    const precondition = (state: GatewayState, head: ExpectedRevision) =>
      admin.mayCarryOut(request, command, state) && (matches?.(state, head) ?? true);
    const outcome = await handler.execute(command, {
      actor,
      correlationId: request.id,
      ...(idempotency !== undefined && { idempotency }),
      ...(keys !== undefined && { keys }),
      precondition,
    });
    if (outcome.status === 'repeated') {
      await repeat(each, outcome.write, wait);
      return;
    }
    if (outcome.status === 'recorded') {
      for (const warning of warnings) {
        logger.warn({ correlationId: request.id, command: command.type }, warning);
      }
      if (warnings.length > 0) reply.header('signet-warning', [...warnings]);
      await waitApplied(admin, reply, outcome.head, wait);
      await send(reply, outcome.head, each.answer(changesIn(outcome.events), outcome.after));
      return;
    }
    const { rejection } = outcome;
    if (rejection.code !== 'certificate-changed' || attempt === maxReplans) {
      throw (each.refuse ?? refusalFor)(rejection);
    }
  }
}

/** @throws Refusal 403 where the caller may not do what it asks for. */
function authorised({ admin, request, plan }: Write, state: GatewayState): PlannedWrite {
  const planned = plan(state);
  if (!admin.mayCarryOut(request, planned.command, state)) {
    throw new Refusal(403, { message: 'This credential may not change that' });
  }
  return planned;
}

async function repeat(
  each: Write,
  known: Parameters<typeof eventsOf>[1],
  wait: AppliedWait | undefined,
): Promise<void> {
  const { admin, reply } = each;
  const recorded = await eventsOf(admin.log, known);
  const changes = changesIn(recorded);
  const after =
    changes.length === 0 || each.answersFromState === true
      ? await admin.stateAt(known.last)
      : recorded.reduce(fold, admin.folded.state);
  reply.header('idempotency-replayed', 'true');
  await waitApplied(admin, reply, known.last, wait);
  await send(reply, known.last, each.answer(await withUpload(each, changes), after));
}

function changesIn(recorded: readonly RecordedEvent[]): readonly GatewayEvent[] {
  return recorded.map(({ event }) => event).filter(({ type }) => type !== 'NothingChanged');
}

/** An answer shows the plugin's certificate, which may have been uploaded earlier and be gone by now. */
async function withUpload(
  { admin: { folded, uploadOf } }: Write,
  events: readonly GatewayEvent[],
): Promise<readonly GatewayEvent[]> {
  for (const event of events) {
    if (event.type !== 'PluginAdded' && event.type !== 'PluginUpdated') continue;
    const { certificateId } = event.data.plugin.config;
    if (folded.state.certificates.has(certificateId)) continue;
    if (events.some(({ type }) => type === 'CertUploaded')) continue;
    const upload = await uploadOf?.(certificateId);
    if (upload !== undefined) return [upload, ...events];
  }
  return events;
}

function send(
  reply: FastifyReply,
  revision: number | 'empty',
  { status, body }: Answer,
): FastifyReply {
  return reply.code(status).header('signet-revision', String(revision)).send(body);
}
