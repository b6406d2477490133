/** What is shown of the OpenAPI document that the control plane makes of its own schemas. */
export interface ApiDescription {
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationDescription>>>>;
}

export interface OperationDescription {
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly ParameterDescription[];
  readonly requestBody?: { readonly content?: Contents };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Contents }>
  >;
}

export interface ParameterDescription {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: Schema;
}

type Contents = Readonly<Record<string, { readonly schema?: Schema }>>;

export interface Schema {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly description: OperationDescription;
}

/** A field of a body or answer; nested ones by their whole path. */
export interface Field {
  readonly path: string;
  readonly schema: Schema;
  readonly isRequired: boolean;
}

const deepest = 4;

/** All operations by their tag, both in the order of the description. */
export function operationsByTag(
  description: ApiDescription,
): ReadonlyMap<string, readonly Operation[]> {
  const byTag = new Map<string, Operation[]>();
  for (const [path, operations] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const tag = operation.tags?.[0] ?? '';
      const others = byTag.get(tag) ?? [];
      byTag.set(tag, [...others, { method: method.toUpperCase(), path, description: operation }]);
    }
  }
  return byTag;
}

/** A schema's fields, those of nested objects and lists after the one they are in. */
export function fieldsOf(schema: Schema | undefined, prefix = '', depth = 0): readonly Field[] {
  if (schema === undefined || depth === deepest) return [];
  // What a write answers, and what its dry run does: the first is the one of interest here.
  const [main] = schema.anyOf ?? [];
  if (main !== undefined) return fieldsOf(main, prefix, depth);
  if (schema.items !== undefined) return fieldsOf(schema.items, `${prefix}[]`, depth + 1);
  return Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const isRequired = schema.required?.includes(name) === true;
    return [{ path, schema: inner, isRequired }, ...fieldsOf(inner, path, depth + 1)];
  });
}

/** `string`, `integer, 100 if left out`, `true or false`, … */
export function kindOf(schema: Schema | undefined): string {
  if (schema === undefined) return '';
  const type = [schema.type ?? []].flat().join(' or ');
  const choices = schema.enum?.map(String).join(', ');
  const kind = choices ?? schema.format ?? type;
  return schema.default === undefined ? kind : `${kind}; ${String(schema.default)} if left out`;
}

/** The schema of a body or an answer, whatever its media type. */
export function schemaOf(content: Contents | undefined): Schema | undefined {
  return content === undefined ? undefined : Object.values(content)[0]?.schema;
}
