import type { Answer } from './admin-connection.js';

/** A list of objects in an answer, empty if it is not there. */
export function list(answer: Answer, field: string): readonly Answer[] {
  const value = answer[field];
  return Array.isArray(value) ? value : [];
}

/** An object in an answer, empty if it is not there. */
export function part(answer: Answer, field: string): Answer {
  const value = answer[field];
  // What it holds is looked at field by field.
  return typeof value === 'object' && value !== null ? (value as Answer) : {};
}
