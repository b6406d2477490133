import type { Brand } from './brand.js';

/**
 * Position of an event in the control log: 0, 1, 2, … without gaps. A snapshot is named by the
 * revision of the last event folded into it. A safe integer: 2^53 events are out of reach.
 */
export type Revision = Brand<number, 'Revision'>;

/** What an append expects the log's head to be; there is no "any". */
export type ExpectedRevision = Revision | 'empty';

/** @throws RangeError if `value` is not an integer in 0 … 2^53-1. */
export function revision(value: number): Revision {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`not a revision: ${value}`);
  }
  return value as Revision;
}

/** Reads a revision out of a query string, header or frame; `undefined` if it is none. */
export function parseRevision(text: string): Revision | undefined {
  if (!/^(0|[1-9][0-9]{0,15})$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? (value as Revision) : undefined;
}

/** The revision that the next event gets. */
export function nextRevision(head: ExpectedRevision): Revision {
  return (head === 'empty' ? 0 : head + 1) as Revision;
}
