import type { RawObject, RawValue } from '../body/raw-value.js';
import { isUuid } from '../ids.js';

/**
 * One table per entity says everything about its fields. Validation with Kong's messages, the
 * TypeScript types, the JSON Schemas that serialise answers, `/plugins/schema/…` and the OpenAPI
 * document are all made from it.
 */
export type FieldTable = { readonly [name: string]: Field };

interface FieldBase {
  readonly description: string;
  /** Whether a creation has to give it. */
  readonly required?: true;
  /** Never shown, whatever is stored. */
  readonly secret?: true;
  /** Left out of answers when it has no value. */
  readonly optional?: true;
  /** A change may take it away, with null or a blank text; of Kong's own fields none can be. */
  readonly unsettable?: true;
}

export type Field =
  | IdField
  | TimestampField
  | IntegerField
  | StringField
  | ListField
  | BooleanField
  | TableField;

export interface IdField extends FieldBase {
  readonly type: 'id';
}
export interface TimestampField extends FieldBase {
  readonly type: 'timestamp';
}
export interface IntegerField extends FieldBase {
  readonly type: 'integer';
  readonly minimum: number;
  readonly maximum: number;
  readonly enum?: readonly number[];
  readonly default?: number;
}
export interface StringField extends FieldBase {
  readonly type: 'string';
  readonly unique?: true;
  readonly enum?: readonly string[];
  readonly maxLength: number;
  /** What is wrong with the trimmed, not empty value, in Kong's words. */
  readonly check?: (value: string) => string | undefined;
}
/** A JSON list, or text with commas, as Kong takes its lists. */
export interface ListField extends FieldBase {
  readonly type: 'list';
  readonly maxItems: number;
  /** Of an item. */
  readonly maxLength: number;
  /** What is wrong with a trimmed, not empty item. */
  readonly check?: (item: string) => string | undefined;
}
export interface BooleanField extends FieldBase {
  readonly type: 'boolean';
  readonly default?: boolean;
}
export interface TableField extends FieldBase {
  readonly type: 'table';
  readonly fields: FieldTable;
}

type ValueOf<F extends Field> = F extends IntegerField
  ? F extends { enum: readonly (infer Value)[] }
    ? Value
    : number
  : F extends TimestampField
    ? number
    : F extends BooleanField
      ? boolean
      : F extends ListField
        ? readonly string[]
        : F extends TableField
          ? Input<F['fields']>
          : string;

/** What a request said about an entity, field by field. */
export type Input<T extends FieldTable> = { readonly [K in keyof T]?: ValueOf<T[K]> };

type OptionalKeys<T extends FieldTable> = {
  [K in keyof T]: T[K] extends { optional: true } ? K : never;
}[keyof T];

type DocumentValueOf<F extends Field> = F extends TableField ? Document<F['fields']> : ValueOf<F>;

/** An entity as answers show it. */
export type Document<T extends FieldTable> = {
  readonly [K in Exclude<keyof T, OptionalKeys<T>>]: DocumentValueOf<T[K]>;
} & { readonly [K in OptionalKeys<T>]?: DocumentValueOf<T[K]> };

export type Errors = Map<string, string>;

/**
 * Reads the fields of `table` out of `raw`, which is not to be trusted. Every fault goes into `errors`;
 * what is well-formed is returned. Empty strings count as not given, as does null where a field can be unset.
 */
export function readFields<T extends FieldTable>(
  table: T,
  raw: RawObject,
  errors: Errors,
  prefix = '',
): Input<T> {
  const values: Record<string, unknown> = {};
  for (const [name, value] of raw) {
    const field = Object.hasOwn(table, name) ? table[name] : undefined;
    if (field === undefined) {
      errors.set(`${prefix}${name}`, `${name} is an unknown field`);
      continue;
    }
    if (field.unsettable === true && isBlank(value)) continue;
    const read = readField(field, name, value, errors, prefix);
    if (read !== undefined) values[name] = read;
  }
  // Each value was read by its field's own reader; the mapped type says the same per field.
  return values as Input<T>;
}

function readField(
  field: Field,
  name: string,
  value: RawValue,
  errors: Errors,
  prefix: string,
): unknown {
  const fault = (message: string) => {
    errors.set(`${prefix}${name}`, message);
    return undefined;
  };
  switch (field.type) {
    case 'id':
      return readId(value, name, fault);
    case 'timestamp':
      return readWholeNumber(value) ?? fault(`${name} is not a timestamp`);
    case 'integer':
      return readInteger(field, value, name, fault);
    case 'boolean':
      return readBoolean(value) ?? fault(`${name} is not a boolean`);
    case 'string':
      return readString(field, value, name, fault);
    case 'list':
      return readList(field, value, name, fault);
    case 'table':
      if (!(value instanceof Map)) return fault(`${name} is not a table`);
      return readFields(field.fields, value, errors, `${prefix}${name}.`);
    default: {
      const unknown: never = field;
      return unknown;
    }
  }
}

type Fault = (message: string) => undefined;

/** Fields that were given without any text and can't be unset. */
export function blankFields(table: FieldTable, raw: RawObject): readonly string[] {
  return Object.keys(table).filter((name) => {
    const value = raw.get(name);
    return table[name]?.unsettable !== true && typeof value === 'string' && isBlank(value);
  });
}

/** Fields that a change takes away. */
export function unsetFields<T extends FieldTable>(
  table: T,
  raw: RawObject,
): readonly (keyof T & string)[] {
  return Object.keys(table).filter((name) => {
    const value = raw.get(name);
    return table[name]?.unsettable === true && value !== undefined && isBlank(value);
  });
}

function isBlank(value: RawValue): boolean {
  return value === null || (typeof value === 'string' && value.trim() === '');
}

function readId(value: RawValue, name: string, fault: Fault): string | undefined {
  if (typeof value !== 'string') return fault(`${name} is not a string`);
  const id = value.trim();
  if (id === '') return undefined;
  return isUuid(id) ? id.toLowerCase() : fault(`${excerpt(id)} is not a valid uuid`);
}

function readString(
  field: StringField,
  value: RawValue,
  name: string,
  fault: Fault,
): string | undefined {
  if (typeof value !== 'string') return fault(`${name} is not a string`);
  const text = value.trim();
  if (text === '') return undefined;
  if (text.length > field.maxLength) {
    return fault(`${name} is longer than ${field.maxLength} characters`);
  }
  // A lone surrogate has no UTF-8, so the log could not carry it.
  if (/\p{Surrogate}/u.test(text)) return fault(`${name} is not valid Unicode text`);
  const wrong = field.check?.(text);
  return wrong === undefined ? text : fault(wrong);
}

function readList(
  field: ListField,
  value: RawValue,
  name: string,
  fault: Fault,
): readonly string[] | undefined {
  const given = typeof value === 'string' ? value.split(',') : value;
  if (!Array.isArray(given)) return fault(`${name} is not an array`);
  if (given.length > field.maxItems) return fault(`${name} has more than ${field.maxItems} items`);
  const items: string[] = [];
  let wrong = false;
  for (const each of given) {
    const item = readString({ ...field, type: 'string' }, each, name, (message) => {
      wrong = true;
      return fault(message);
    });
    if (item !== undefined) items.push(item);
  }
  return wrong ? undefined : items;
}

function readWholeNumber(value: RawValue): number | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string' || !/^\s*[0-9]{1,16}\s*$/.test(text)) return undefined;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : undefined;
}

function readInteger(
  field: IntegerField,
  value: RawValue,
  name: string,
  fault: Fault,
): number | undefined {
  if (typeof value === 'string' && value.trim() === '') return undefined;
  const number = readWholeNumber(value);
  if (number === undefined) return fault(`${name} is not a number`);
  if (field.enum !== undefined && !field.enum.includes(number)) {
    return fault(`"${number}" is not allowed. Allowed values are: "${field.enum.join('", "')}"`);
  }
  return number >= field.minimum && number <= field.maximum
    ? number
    : fault(`${name} must be ${field.minimum} to ${field.maximum}`);
}

function readBoolean(value: RawValue): boolean | undefined {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string') return undefined;
  const word = value.trim().toLowerCase();
  return word === 'true' ? true : word === 'false' ? false : undefined;
}

/** The first part of a value that an answer repeats. */
export function excerpt(value: string): string {
  return value.length > 200 ? `${value.slice(0, 200)}…` : value;
}
