import type { Field, FieldTable } from './fields.js';

/** The part of JSON Schema 2020-12 that field tables need. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly format?: string;
  readonly default?: boolean | string | number;
  readonly enum?: readonly (string | number | boolean)[];
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly writeOnly?: boolean;
  readonly required?: readonly string[];
  readonly properties?: { readonly [name: string]: JsonSchema };
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly maxItems?: number;
  readonly anyOf?: readonly JsonSchema[];
}

/** An entity as answers show it: serialises it, and describes it in the OpenAPI document. */
export function documentSchema(table: FieldTable): JsonSchema {
  const names = Object.keys(table);
  return {
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, fieldSchema(table[name], false)])),
    required: names.filter((name) => table[name]?.optional !== true),
  };
}

/** An entity as requests give it: `whole` for a creation or replacement, `partial` for a change. */
export function inputSchema(table: FieldTable, extent: 'whole' | 'partial'): JsonSchema {
  const names = Object.keys(table);
  const required = names.filter((name) => extent === 'whole' && table[name]?.required === true);
  return {
    type: 'object',
    properties: Object.fromEntries(
      names.map((name) => {
        const schema = fieldSchema(table[name], true, extent);
        const isUnsettable = extent === 'partial' && table[name]?.unsettable === true;
        return [name, isUnsettable ? orNull(schema) : schema];
      }),
    ),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  };
}

function orNull({ description = '', ...schema }: JsonSchema): JsonSchema {
  return { description, anyOf: [schema, { type: 'null' }] };
}

function fieldSchema(
  field: Field | undefined,
  asInput: boolean,
  extent: 'whole' | 'partial' = 'whole',
): JsonSchema {
  if (field === undefined) return {};
  const { description } = field;
  switch (field.type) {
    case 'id':
      return { type: 'string', format: 'uuid', description };
    case 'timestamp':
      return { type: 'integer', minimum: 0, description };
    case 'integer': {
      const bounds = { minimum: field.minimum, maximum: field.maximum };
      return {
        type: 'integer',
        description,
        ...(field.enum === undefined ? bounds : { enum: field.enum }),
        ...(asInput && field.default !== undefined && { default: field.default }),
      };
    }
    case 'boolean':
      return {
        type: 'boolean',
        description,
        ...(asInput && field.default !== undefined && { default: field.default }),
      };
    case 'string':
      return {
        type: 'string',
        description,
        ...(field.enum && { enum: field.enum }),
        ...(asInput && { maxLength: field.maxLength }),
      };
    case 'list': {
      const items = { type: 'string', ...(asInput && { maxLength: field.maxLength }) };
      return { type: 'array', items, description, ...(asInput && { maxItems: field.maxItems }) };
    }
    case 'table': {
      const inner = asInput ? inputSchema(field.fields, extent) : documentSchema(field.fields);
      return { ...inner, description };
    }
    default: {
      const unknown: never = field;
      return unknown;
    }
  }
}

/** One page of a list. */
export function pageSchema(item: JsonSchema): JsonSchema {
  return {
    type: 'object',
    properties: {
      data: { type: 'array', items: item },
      total: { type: 'integer', minimum: 0, description: 'All that match, not only this page.' },
      offset: { type: 'string', description: 'Opaque; present only if more follow.' },
      next: { type: 'string', description: 'URL of the next page; present only if more follow.' },
    },
    required: ['data', 'total'],
  };
}

/** What a list can be asked: a page, and any field as a filter. */
export function listQuerySchema(table: FieldTable): JsonSchema {
  const filters = Object.entries(table).flatMap(([name, field]) => {
    if (field.type === 'table') return [];
    const { description: _, ...schema } = fieldSchema(field, false);
    return [[name, { ...schema, description: 'Only entities with this value.' }]];
  });
  return {
    type: 'object',
    properties: {
      size: { type: 'integer', minimum: 1, maximum: 1000, default: 100 },
      offset: { type: 'string', description: 'That of the page before.' },
      ...Object.fromEntries(filters),
    },
  };
}
