import type { FastifyRequest } from 'fastify';
import { isUuid } from './ids.js';
import { invalid } from './refusal.js';
import type { FieldTable } from './schemas/fields.js';

const defaultSize = 100;
const maxSize = 1000;

export interface Page<T> {
  readonly data: readonly T[];
  readonly total: number;
  readonly offset?: string;
  readonly next?: string;
}

interface Stored {
  readonly id: string;
  readonly createdAt: number;
}

/** A map of entities, of whatever kind. */
interface Listed<E> {
  values(): Iterable<E>;
}

/** What each list needs to know of its entities. */
export interface Listing<E extends Stored, D extends object> {
  readonly entities: Listed<E>;
  readonly fields: FieldTable;
  readonly present: (entity: E) => D;
  /** Narrows the list before any filter, e.g. to the plugins of one API. */
  readonly within?: (entity: E) => boolean;
}

/** Parameters that say something about the request itself, on any list. */
const controls = new Set(['size', 'offset']);

/**
 * One page of a list in the order of creation. The offset names the last entity that was shown, so going
 * through the pages shows each entity once even if others come and go meanwhile.
 * @throws Refusal 400 for a filter on a field that does not exist.
 */
export function page<E extends Stored, D extends object>(
  request: FastifyRequest,
  { entities, fields, present, within = () => true }: Listing<E, D>,
): Page<D> {
  const query = queryOf(request);
  const filters = readFilters(query, fields);
  const size = readSize(query.get('size'));
  const sorted = inOrder(entities);
  const matches = sorted.filter(
    (entity) => within(entity) && (filters.length === 0 || passes(present(entity), filters)),
  );
  const from = startOf(matches, query.get('offset'));
  const shown = matches.slice(from, from + size);
  const last = shown.at(-1);
  const more = last !== undefined && from + size < matches.length;
  const offset = more ? encodeCursor(last) : undefined;
  return {
    data: shown.map(present),
    total: matches.length,
    ...(offset !== undefined && { offset, next: nextUrl(request, query, size, offset) }),
  };
}

export function queryOf(request: FastifyRequest): URLSearchParams {
  return new URL(request.url, 'http://admin').searchParams;
}

function readSize(text: string | null): number {
  const size = Number(text ?? '');
  return text !== null && Number.isInteger(size) && size > 0
    ? Math.min(size, maxSize)
    : defaultSize;
}

type Filter = readonly [field: string, value: string];

function readFilters(query: URLSearchParams, fields: FieldTable): readonly Filter[] {
  const filters: Filter[] = [];
  const errors = new Map<string, string>();
  for (const [name, value] of query) {
    if (controls.has(name)) continue;
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined || field.type === 'table') errors.set(name, 'unknown field');
    else if (field.type === 'id' && !isUuid(value)) {
      errors.set(name, `${value.slice(0, 200)} is not a valid uuid`);
    } else filters.push([name, field.type === 'id' ? value.toLowerCase() : value]);
  }
  if (errors.size > 0) throw invalid(errors);
  return filters;
}

function passes(document: object, filters: readonly Filter[]): boolean {
  const values = new Map<string, unknown>(Object.entries(document));
  return filters.every(([field, value]) => {
    const actual = values.get(field);
    return actual !== undefined && String(actual) === value;
  });
}

/** Sorting 100,000 entities costs 100 ms, so each version of a map is sorted once while it is listed. */
const sortedVersions = new WeakMap<object, readonly Stored[]>();

function inOrder<E extends Stored>(entities: Listed<E>): readonly E[] {
  const known = sortedVersions.get(entities);
  // What is stored under a map is that map's values.
  if (known !== undefined) return known as readonly E[];
  const sorted = [...entities.values()].sort(compare);
  sortedVersions.set(entities, sorted);
  return sorted;
}

function compare(a: Stored, b: Stored): number {
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

function encodeCursor({ createdAt, id }: Stored): string {
  return Buffer.from(`${createdAt}:${id}`).toString('base64url');
}

/** Index of the first entity after the cursor; an unreadable cursor starts over. */
function startOf(entities: readonly Stored[], offset: string | null): number {
  if (offset === null) return 0;
  const text = Buffer.from(offset, 'base64url').toString('utf8');
  const [, createdAt, id] = /^([0-9]{1,16}):([0-9a-f-]{1,36})$/.exec(text) ?? [];
  if (createdAt === undefined || id === undefined) return 0;
  const cursor: Stored = { createdAt: Number(createdAt), id };
  const index = entities.findIndex((entity) => compare(entity, cursor) > 0);
  return index === -1 ? entities.length : index;
}

function nextUrl(
  request: FastifyRequest,
  query: URLSearchParams,
  size: number,
  offset: string,
): string {
  const next = new URLSearchParams(query);
  next.set('size', String(size));
  next.set('offset', offset);
  const path = new URL(request.url, 'http://admin').pathname;
  return `${request.protocol}://${request.host}${path}?${next}`;
}
