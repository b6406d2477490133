/** Reading what a YAML or JSON document may or may not hold. */
export type Fields = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The objects of a list; none if it is no list. */
export function records(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

/** The texts of a list, or of one text with commas between. */
export function texts(value: unknown): readonly string[] {
  if (typeof value === 'string') return value.split(',').map((each) => each.trim());
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

/** A field that holds a text; empty if there is none. */
export function textOf(fields: Fields, name: string): string {
  const value = fields[name];
  return typeof value === 'string' ? value : '';
}

/** A field that holds true or false; `undefined` otherwise. */
export function flagOf(fields: Fields, name: string): boolean | undefined {
  const value = fields[name];
  return typeof value === 'boolean' ? value : undefined;
}
