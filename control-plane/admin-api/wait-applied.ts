import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Revision } from '../../shared/revision.js';
import type { AppliedReport, AppliedWait } from '../distribution/applied-barrier.js';
import type { AdminContext } from './admin-context.js';
import { queryOf } from './pages.js';
import { invalid, Refusal } from './refusal.js';

/** Waits until enough nodes serve a revision, or the time is over; see `whenApplied`. */
export type WhenApplied = (revision: Revision, wait: AppliedWait) => Promise<AppliedReport>;

/** What `waitOf` reads: how long to wait, no part of what is to be done. */
export const waitParameters = ['wait', 'wait_timeout_ms'] as const;

const defaultTimeoutMs = 10_000;
const maxTimeoutMs = 60_000;
/** A header, so it is kept well below what clients and proxies take. */
const maxNamed = 20;

/**
 * `?wait=applied` (every node) or `?wait=quorum` (more than half of them), with `wait_timeout_ms`.
 * Read before anything is written: a request that asks for what can't be is not carried out.
 * @throws Refusal 400
 */
export function waitOf(
  { whenApplied }: AdminContext,
  request: FastifyRequest,
): AppliedWait | undefined {
  const query = queryOf(request);
  const wait = query.get('wait');
  if (wait === null) return undefined;
  if (wait !== 'applied' && wait !== 'quorum') {
    throw invalid(new Map([['wait', "wait must be 'applied' or 'quorum'"]]));
  }
  if (whenApplied === undefined) {
    throw new Refusal(400, { message: 'This control plane feeds no nodes to wait for' });
  }
  const timeoutMs = Number(query.get('wait_timeout_ms') ?? defaultTimeoutMs);
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > maxTimeoutMs) {
    const message = `wait_timeout_ms must be a whole number from 1 to ${maxTimeoutMs}`;
    throw invalid(new Map([['wait_timeout_ms', message]]));
  }
  return { scope: wait === 'applied' ? 'all' : 'quorum', timeoutMs };
}

/**
 * Holds an answer back until the nodes serve the write, and says in `Signet-Applied` how far it got.
 * The body stays Kong's, and the status too: the write stands, whatever the nodes do.
 */
export async function waitApplied(
  { whenApplied }: AdminContext,
  reply: FastifyReply,
  revision: Revision | 'empty',
  wait: AppliedWait | undefined,
): Promise<void> {
  if (wait === undefined || whenApplied === undefined || revision === 'empty') return;
  reply.header('signet-applied', headerText(await whenApplied(revision, wait)));
}

function headerText({ isApplied, applied, stragglers, rejections }: AppliedReport): string {
  const brief = {
    complete: isApplied,
    applied: applied.length,
    stragglers: stragglers.length,
    rejections: rejections.length,
    straggling_nodes: stragglers.slice(0, maxNamed).map(({ name }) => name),
    rejecting_nodes: rejections.slice(0, maxNamed).map(({ nodeName, hosts, reason }) => ({
      name: nodeName,
      hosts: hosts.slice(0, maxNamed),
      reason,
    })),
  };
  // A header is ASCII; JSON can say everything else in escapes.
  return JSON.stringify(brief).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
