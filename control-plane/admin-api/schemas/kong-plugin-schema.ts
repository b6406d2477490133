import type { Field, FieldTable } from './fields.js';

/** Kong's names of types, where they are others. */
const kongTypes = new Map<Field['type'], string>([
  ['integer', 'number'],
  ['list', 'array'],
]);

/** A plugin's settings in the form of Kong's own schemas, in which functions show as a word. */
export function kongPluginSchema(config: FieldTable) {
  const fields = Object.entries(config).map(([name, field]) => [
    name,
    {
      required: field.required === true,
      type: kongTypes.get(field.type) ?? field.type,
      ...('default' in field && { default: field.default }),
      ...('enum' in field && { enum: field.enum }),
      ...(field.type === 'string' && { func: 'function' }),
    },
  ]);
  return { no_consumer: true, fields: Object.fromEntries(fields) };
}
