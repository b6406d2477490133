import { entryFields, maxEntries } from '../certificate-entries.js';
import { inputSchema, type JsonSchema } from './json-schema.js';

export const certificatesSchema: JsonSchema = {
  type: 'object',
  properties: {
    certificates: {
      type: 'array',
      description: `At most ${maxEntries}, each of another host. Recorded together or not at all.`,
      items: inputSchema(entryFields, 'whole'),
      maxItems: maxEntries,
    },
  },
  required: ['certificates'],
  additionalProperties: false,
};

export const certificatesAnswerSchema: JsonSchema = {
  type: 'object',
  properties: {
    results: {
      type: 'array',
      description: 'What became of each host, in the order of the request.',
      items: {
        type: 'object',
        properties: {
          request_host: { type: 'string' },
          outcome: { type: 'string', enum: ['added', 'replaced', 'unchanged', 'refused'] },
          code: { type: 'string', description: 'Why it was refused, for programs.' },
          reason: { type: 'string', description: 'Why it was refused, for people.' },
          warnings: { type: 'array', items: { type: 'string' } },
        },
        required: ['request_host', 'outcome'],
      },
    },
  },
  required: ['results'],
};
