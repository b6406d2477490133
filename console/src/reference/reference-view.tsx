import { useEffect, useState } from 'preact/hooks';
import { read } from '../api/client.js';
import { Notice } from '../parts/notice.js';
import {
  type ApiDescription,
  type Field,
  fieldsOf,
  kindOf,
  type Operation,
  operationsByTag,
  type ParameterDescription,
  type Schema,
  schemaOf,
} from './description.js';

/** The admin API as it describes itself. */
export function ReferenceView() {
  const [description, setDescription] = useState<ApiDescription>();
  const [failure, setFailure] = useState<string>();
  useEffect(() => {
    const stop = new AbortController();
    read<ApiDescription>('/openapi.json', stop.signal).then(setDescription, (error: unknown) => {
      if (!stop.signal.aborted) setFailure(error instanceof Error ? error.message : String(error));
    });
    return () => stop.abort();
  }, []);
  return (
    <div class="view">
      <header class="view-head">
        <h1>Admin API</h1>
        <span class="muted">
          OpenAPI 3.1: <code>GET /openapi.json</code>
        </span>
      </header>
      {failure !== undefined && <Notice title="It could not be read">{failure}</Notice>}
      {description !== undefined &&
        [...operationsByTag(description)].map(([tag, operations]) => (
          <section key={tag} class="reference" aria-label={tag}>
            <h2>{tag}</h2>
            {operations.map((operation) => (
              <OperationDetails
                key={`${operation.method} ${operation.path}`}
                operation={operation}
              />
            ))}
          </section>
        ))}
    </div>
  );
}

function OperationDetails({ operation }: { readonly operation: Operation }) {
  const { method, path, description } = operation;
  const { parameters = [], requestBody, responses, summary } = description;
  const body = fieldsOf(schemaOf(requestBody?.content));
  const parameterFields = parameters.map((parameter) => ({
    path: parameter.name,
    place: parameter.in,
    schema: describedBy(parameter),
    isRequired: parameter.required === true,
  }));
  return (
    <details class="operation">
      <summary>
        <span class={`method ${method.toLowerCase()}`}>{method}</span>
        <code>{path}</code>
        <span class="muted">{summary}</span>
      </summary>
      {parameterFields.length > 0 && <FieldTable title="Parameters" fields={parameterFields} />}
      {body.length > 0 && <FieldTable title="Body: JSON, urlencoded or multipart" fields={body} />}
      {Object.entries(responses).map(([status, { description: meaning, content }]) => (
        <FieldTable
          key={status}
          title={`${status === 'default' ? 'Otherwise' : status}: ${meaning}`}
          fields={fieldsOf(schemaOf(content))}
        />
      ))}
    </details>
  );
}

/** A parameter's words stand beside its schema. */
function describedBy({ schema, description }: ParameterDescription): Schema {
  return { ...schema, ...(description !== undefined && { description }) };
}

function FieldTable({
  title,
  fields,
}: {
  readonly title: string;
  readonly fields: readonly (Field & { readonly place?: string })[];
}) {
  if (fields.length === 0) return <p class="field-title">{title}</p>;
  return (
    <table class="fields">
      <caption class="field-title">{title}</caption>
      <tbody>
        {fields.map(({ path, place, schema, isRequired }) => (
          <tr key={`${place} ${path}`}>
            <th scope="row">
              <code>{path}</code>
              {isRequired && <span class="muted"> needed</span>}
            </th>
            <td class="muted">{[place, kindOf(schema)].filter(Boolean).join(', ')}</td>
            <td>{schema.description}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
