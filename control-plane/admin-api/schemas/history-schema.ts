import type { JsonSchema } from './json-schema.js';

const text: JsonSchema = { type: 'string' };
const revision: JsonSchema = { type: 'integer', minimum: 0, description: 'Position in the log.' };
const time: JsonSchema = { type: 'string', description: 'RFC 3339, UTC.' };
const anything: JsonSchema = { type: 'object', additionalProperties: true };

function object(
  properties: { readonly [name: string]: JsonSchema },
  ...optional: readonly string[]
): JsonSchema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', properties, required };
}

export const eventSchema: JsonSchema = object({
  revision,
  id: { type: 'string', format: 'uuid' },
  type: text,
  data: anything,
  time,
  actor: text,
  correlation_id: text,
});

export const eventPageSchema: JsonSchema = object(
  {
    data: { type: 'array', items: eventSchema },
    head: { ...revision, description: 'The last revision there is.' },
    next: { ...text, description: 'URL of the next page; present only if more follow.' },
  },
  'head',
  'next',
);

export const eventQuerySchema: JsonSchema = {
  type: 'object',
  properties: {
    after: { ...text, description: 'Only events after this revision.' },
    before: { ...text, description: 'Only events before this revision.' },
    limit: { type: 'integer', minimum: 1, maximum: 1000, default: 100 },
    order: { ...text, enum: ['asc', 'desc'], default: 'asc' },
    type: { ...text, description: 'Only events of this type.' },
    api: { ...text, description: 'Only events that concern this API: id or name.' },
    host: { ...text, description: 'Only events that concern this request_host.' },
    actor: { ...text, description: 'Only events of this actor.' },
  },
};

export const momentQuerySchema: JsonSchema = {
  type: 'object',
  properties: {
    revision: { ...text, description: 'As it was after this revision.' },
    at: { ...text, description: 'As it was at this time, RFC 3339 or milliseconds.' },
  },
};

const certificateProperties = {
  id: { type: 'string', format: 'uuid' },
  fingerprint256: text,
  names: { type: 'array', items: text },
  not_before: time,
  not_after: time,
  key_algorithm: text,
} as const;

export const bindingSchema: JsonSchema = object(
  {
    host: text,
    revision,
    time,
    request_host: { ...text, description: 'The pattern that matched.' },
    api: object({ id: text, name: text }),
    plugin_id: text,
    certificate: object(
      { ...certificateProperties, key_erased: { type: 'boolean' } },
      'key_erased',
    ),
    bound: object({ revision, time, actor: text, correlation_id: text }),
  },
  ...['request_host', 'api', 'plugin_id', 'certificate', 'bound'],
);

export const stateSchema: JsonSchema = object(
  {
    revision,
    time,
    log_id: text,
    apis: { type: 'array', items: anything },
    plugins: { type: 'array', items: anything },
    certificates: { type: 'array', items: anything },
  },
  'log_id',
);

export const rollbackSchema: JsonSchema = {
  type: 'object',
  properties: {
    revision: { ...revision, description: 'What it is to be like again.' },
    at: { ...text, description: 'The same by time, instead of `revision`.' },
    api: { ...text, description: 'Only this API: id or name, also of one that is gone.' },
    host: { ...text, description: 'Only the API of this request_host.' },
  },
  additionalProperties: false,
};

export const rollbackAnswerSchema: JsonSchema = object({
  restored: revision,
  events: { type: 'array', items: object({ type: text, data: anything }) },
});
