import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'vitest';

/** What is read of an OpenAPI 3.1 document. */
export interface ApiDescription {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, DescribedOperation>>>>;
}

export interface DescribedOperation {
  readonly summary?: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: BodySchema }> };
  readonly responses: Readonly<
    Record<
      string,
      {
        readonly description: string;
        readonly content?: Record<string, { readonly schema: object }>;
      }
    >
  >;
}

export interface BodySchema {
  readonly properties: Record<string, BodySchema & { readonly type: string }>;
  readonly required?: readonly string[];
  /** Of a list; a list of texts has items without properties. */
  readonly items?: Partial<Pick<BodySchema, 'properties'>>;
}

/** An answer, as much of it as is described. */
export interface DescribedAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

const ajv = new Ajv2020({
  strict: false,
  formats: {
    uuid: /^[0-9a-f-]{36}$/,
    'date-time': (text) => /^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text)),
  },
});

/** Whether an answer is one that the description announces, in status, type and form. */
export function expectDescribed(
  operation: DescribedOperation,
  answer: DescribedAnswer,
  what: string,
): void {
  const { status, headers, text } = answer;
  const response = operation.responses[status] ?? operation.responses['default'];
  if (response === undefined) throw new Error(`${what}: status ${status} is not described`);
  if (status >= 200 && status < 300) {
    expect(Object.keys(operation.responses), what).toContain(String(status));
  }
  if (text === '') return;
  const type = headers.get('content-type')?.split(';')[0] ?? '';
  const schema = response.content?.[type]?.schema;
  if (schema === undefined) throw new Error(`${what}: ${status} ${type} is not described`);
  const isValid = ajv.validate(schema, JSON.parse(text));
  expect(isValid, `${what}: ${ajv.errorsText()} in ${text}`).toBe(true);
}
