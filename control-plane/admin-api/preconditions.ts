import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ApiId, PluginId } from '../../shared/gateway-model.js';
import { type ExpectedRevision, parseRevision, type Revision } from '../../shared/revision.js';
import type { CommandContext } from '../application/command-outcome.js';
import type { GatewayState } from '../domain/state.js';
import { Refusal } from './refusal.js';

/** What a request is about: one entity, or the configuration as a whole. */
export type Subject = ApiId | PluginId | 'everything';

/** Strong entity tag: the revision of the last event that changed the subject. */
export function tagOf(
  state: GatewayState,
  head: ExpectedRevision,
  subject: Subject,
): ExpectedRevision {
  return subject === 'everything' ? head : (state.changedAt.get(subject) ?? head);
}

export function setTag(reply: FastifyReply, revision: ExpectedRevision): void {
  reply.header('etag', `"${revision}"`);
}

/**
 * `If-Match` as a condition on the state that the command is decided on. `*` asks only that the subject
 * is there, which every command does anyway. Weak tags never match (RFC 9110 §13.1.1).
 * @throws Refusal 400 if the header is no list of tags.
 */
export function preconditionOf(
  request: FastifyRequest,
  subject: Subject,
): CommandContext['precondition'] {
  const header = request.headers['if-match']?.trim();
  if (header === undefined || header === '*') return undefined;
  const revisions = new Set<Revision>();
  for (const entry of header.split(',')) {
    const [, weak, text] = /^(W\/)?"([^"]*)"$/.exec(entry.trim()) ?? [];
    if (text === undefined) {
      throw new Refusal(400, { message: 'If-Match must be * or a list of entity tags' });
    }
    const revision = weak === undefined ? parseRevision(text) : undefined;
    if (revision !== undefined) revisions.add(revision);
  }
  return (state, head) => {
    const tag = tagOf(state, head, subject);
    return tag !== 'empty' && revisions.has(tag);
  };
}
