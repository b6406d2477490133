import { currentToken } from '../state/token.js';

/** An answer other than the one hoped for, or none at all (status 0). */
export class ApiProblem extends Error {
  readonly status: number;
  /** The answer's body, if it was an object. */
  readonly body: Readonly<Record<string, unknown>>;

  constructor(status: number, message: string, body: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

export interface Answer<T> {
  readonly body: T;
  readonly headers: Headers;
}

export interface CallOptions {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly body?: object;
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
}

let whenUnauthorized: (reason: string) => void = () => {};

/** Calls `listener` when an answer says that the token is no good, or that one is needed. */
export function onUnauthorized(listener: (reason: string) => void): void {
  whenUnauthorized = listener;
}

/** @throws ApiProblem; an abort as what it is */
export async function call<T>(path: string, options: CallOptions = {}): Promise<Answer<T>> {
  const { method = 'GET', body } = options;
  const response = await send(path, options, {
    accept: 'application/json',
    ...(body !== undefined && { 'content-type': 'application/json' }),
    // Sent twice, because an answer got lost, it is carried out once.
    ...(method !== 'GET' && { 'idempotency-key': randomId() }),
  });
  const text = await response.text();
  const parsed = parse(text);
  if (!response.ok) throw problemOf(path, response.status, parsed);
  // The types describe what the admin API's own response schemas make.
  return { body: parsed as T, headers: response.headers };
}

export async function read<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await call<T>(path, signal === undefined ? {} : { signal })).body;
}

/** Server-sent events, as text that comes bit by bit. `EventSource` could not send the token. */
export async function openEventStream(
  path: string,
  signal: AbortSignal,
): Promise<ReadableStream<string>> {
  const response = await send(path, { signal }, { accept: 'text/event-stream' });
  if (!response.ok) throw problemOf(path, response.status, parse(await response.text()));
  if (response.body === null) throw new ApiProblem(0, 'The answer has no body');
  return response.body.pipeThrough(new TextDecoderStream());
}

async function send(
  path: string,
  { method = 'GET', body, signal, headers }: CallOptions,
  more: Readonly<Record<string, string>>,
): Promise<Response> {
  const token = currentToken();
  try {
    return await fetch(path, {
      method,
      credentials: 'omit',
      cache: 'no-store',
      headers: {
        ...more,
        ...headers,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal !== undefined && { signal }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiProblem(0, 'The control plane does not answer');
  }
}

function parse(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // Not an answer of the admin API, e.g. of a proxy in between: its status says enough.
    return undefined;
  }
}

function problemOf(path: string, status: number, body: unknown): ApiProblem {
  const members = typeof body === 'object' && body !== null ? Object.entries(body) : [];
  const record: Readonly<Record<string, unknown>> = Object.fromEntries(members);
  const sentence = sentenceOf(record) ?? `The control plane answered ${status}`;
  // Who asks about the session itself deals with the answer.
  if (status === 401 && path !== '/session') whenUnauthorized(sentence);
  return new ApiProblem(status, sentence, record);
}

/** Problem details, Kong's message, or Kong's one sentence per field. */
export function sentenceOf(body: Readonly<Record<string, unknown>>): string | undefined {
  const { detail, message } = body;
  if (typeof detail === 'string') return detail;
  if (typeof message === 'string') return message;
  const sentences = Object.values(body).filter((each) => typeof each === 'string');
  return sentences.length > 0 ? sentences.join('. ') : undefined;
}

function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}
