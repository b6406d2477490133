import { parseRevision, type Revision } from '../../shared/revision.js';
import type { FoldedLog } from '../application/folded-log.js';
import type { HistoryIndex } from '../projections/history-index.js';
import { Refusal } from './refusal.js';

/** A parameter that does not say what it should. */
export function badParameter(name: string, expected: string): Refusal {
  return new Refusal(400, { code: 'bad-parameter', message: `${name} must be ${expected}`, name });
}

export function revisionParameter(query: URLSearchParams, name: string): Revision | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const revision = parseRevision(text);
  if (revision === undefined) throw badParameter(name, 'a revision: 0, 1, 2, …');
  return revision;
}

export function limitParameter(query: URLSearchParams, byDefault: number, most: number): number {
  const text = query.get('limit');
  if (text === null) return byDefault;
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1) throw badParameter('limit', 'a number from 1 on');
  return Math.min(limit, most);
}

/** In lower case and without a final dot. @throws Refusal 400 */
export function hostParameter(text: string): string {
  const host = text.toLowerCase().replace(/\.$/, '');
  if (host === '' || host.length > 253) throw badParameter('host', 'a host name');
  return host;
}

/** RFC 3339, or milliseconds since the epoch. */
export function parseTime(text: string): number | undefined {
  const time = /^[0-9]{1,16}$/.test(text) ? Number(text) : Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

/**
 * The revision that `?revision=N` or `?at=TIME` names; the head if neither is given.
 * @throws Refusal 400 for both or an unreadable one, 404 for one before the first or beyond the last.
 */
export function momentOf(
  { revision, at }: { readonly revision?: string | null; readonly at?: string | null },
  { head }: FoldedLog,
  index: HistoryIndex,
): Revision {
  if (revision && at) throw badParameter('at', 'given without revision, or the other way round');
  if (head === 'empty') throw nothingThere('nothing was recorded yet');
  if (revision) {
    const parsed = parseRevision(revision);
    if (parsed === undefined) throw badParameter('revision', 'a number: 0, 1, 2, …');
    if (parsed > head) throw nothingThere(`the last revision is ${head}`);
    return parsed;
  }
  if (!at) return head;
  const time = parseTime(at);
  if (time === undefined) throw badParameter('at', 'a time, as 2030-01-31T12:00:00Z');
  const found = index.revisionAt(time);
  if (found === undefined) throw nothingThere('nothing was recorded by then');
  return found;
}

export function nothingThere(message: string): Refusal {
  return new Refusal(404, { code: 'no-such-revision', message });
}
