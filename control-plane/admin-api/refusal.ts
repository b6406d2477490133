/** An answer other than the one that was hoped for; thrown by a handler, sent by the error handler. */
export class Refusal extends Error {
  readonly status: number;
  /** Kong answers some refusals without a body. */
  readonly body: object | undefined;

  constructor(status: number, body?: object) {
    super(`${status}`);
    this.status = status;
    this.body = body;
  }
}

export const notFound = () => new Refusal(404, { message: 'Not found' });
export const methodNotAllowed = () => new Refusal(405, { message: 'Method not allowed' });
/** One message per field, nested fields with a dotted key. */
export const invalid = (errors: FieldErrors, status = 400) =>
  new Refusal(status, Object.fromEntries(errors));

export type FieldErrors = ReadonlyMap<string, string>;
