import type { JsonSchema } from './json-schema.js';

const text: JsonSchema = { type: 'string' };
const bound: JsonSchema = {
  description: 'Null stands for the default certificate.',
  anyOf: [
    { type: 'null' },
    {
      type: 'object',
      properties: { certificate_id: text, fingerprint256: text },
      required: ['certificate_id', 'fingerprint256'],
    },
  ],
};

/** What a write answers where it was asked for a dry run, see `DryRunReport`. */
export const dryRunSchema: JsonSchema = {
  type: 'object',
  description: 'What it would do, if asked for a dry run.',
  properties: {
    dry_run: { type: 'boolean', enum: [true] },
    accepted: { type: 'boolean' },
    refusal: {
      type: 'object',
      description: 'The answer that it would get.',
      properties: { status: { type: 'integer' }, body: { type: 'object' } },
      required: ['status'],
    },
    events: { type: 'array', items: { type: 'object' } },
    bindings: {
      type: 'array',
      description: 'Hosts whose certificate would differ.',
      items: {
        type: 'object',
        properties: { request_host: text, before: bound, after: bound },
        required: ['request_host', 'before', 'after'],
      },
    },
    collisions: {
      type: 'array',
      items: { type: 'object', properties: { field: text, value: text } },
    },
    hosts_losing_cover: { type: 'array', items: text },
    warnings: { type: 'array', items: text },
  },
  required: ['dry_run', 'accepted', 'events', 'bindings', 'collisions', 'hosts_losing_cover'],
};
