import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { isLoopback } from '../shared/listen-address.js';

/** An entity or other object as the admin API answered it. */
export type Answer = Readonly<Record<string, unknown>>;

/** The admin API said no; the message is its own. */
export class AdminRefusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const defaultUrl = 'http://127.0.0.1:8001';
const timeoutMs = 30_000;
const pageSize = 1000;
const maxAttempts = 20;
/** A lock-out lasts longer, and waiting for its end is not what a command is for. */
const longestPauseSeconds = 5;

interface FetchExtras {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** What `addAdminFlags` lets a user say. */
export interface AdminOptions {
  readonly admin?: string;
  readonly tokenFile?: string;
  readonly json?: boolean;
}

/** Gives a command the flags that say which control plane to talk to, and `--json`. */
export function addAdminFlags(command: Command): Command {
  return command
    .option('--admin <url>', `admin API (default: SIGNET_ADMIN_URL, else ${defaultUrl})`)
    .option('--token-file <file>', 'file with the access token (or SIGNET_TOKEN)')
    .option('--json', 'print JSON');
}

/** The connection that a command's flags and the environment name. */
export function adminConnection(
  options: AdminOptions,
  environment: NodeJS.ProcessEnv = process.env,
): AdminConnection {
  const url = options.admin ?? environment['SIGNET_ADMIN_URL'] ?? defaultUrl;
  const token =
    options.tokenFile === undefined
      ? environment['SIGNET_TOKEN']
      : readFileSync(options.tokenFile, 'utf8').trim();
  return new AdminConnection(url, token);
}

/** Talks to a control plane's admin API. */
export class AdminConnection {
  readonly #url: string;
  readonly #token: string | undefined;

  /** @throws Error where the token would travel in the clear. */
  constructor(url: string, token?: string) {
    if (token !== undefined && !isConfidential(url)) {
      throw new Error(`the token would travel in the clear to ${url}: use https:// there`);
    }
    this.#url = url.replace(/\/+$/, '');
    this.#token = token;
  }

  /** @throws AdminRefusal for any answer but 2xx; Error with the mend if nobody answers. */
  async send(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: Answer,
  ): Promise<Answer> {
    const response = await this.#fetch(method, path, body);
    const text = await response.text();
    const parsed = parseJson(text);
    if (!response.ok) throw new AdminRefusal(response.status, describe(response.status, parsed));
    return parsed ?? {};
  }

  /** Every entity of a list, page after page. */
  async *list(path: string): AsyncGenerator<Answer> {
    let offset: string | undefined;
    do {
      const query = new URLSearchParams({ size: String(pageSize) });
      if (offset !== undefined) query.set('offset', offset);
      const page = await this.send('GET', `${path}?${query}`);
      if (Array.isArray(page['data'])) yield* page['data'];
      offset = typeof page['offset'] === 'string' ? page['offset'] : undefined;
    } while (offset !== undefined);
  }

  /** An answer that goes on until the signal aborts: server-sent events. @throws as `send` does */
  async open(
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Response> {
    const response = await this.#fetch('GET', path, undefined, { headers, signal });
    if (response.ok) return response;
    const parsed = parseJson(await response.text());
    throw new AdminRefusal(response.status, describe(response.status, parsed));
  }

  /** Waits where the control plane asks for patience: what it did not admit it did not begin. */
  async #fetch(
    method: string,
    path: string,
    body: Answer | undefined,
    more: FetchExtras = {},
  ): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      const response = await this.#fetchOnce(method, path, body, more);
      if (response.status !== 429 || attempt === maxAttempts) return response;
      const seconds = Number(response.headers.get('retry-after'));
      if (!(seconds > 0 && seconds <= longestPauseSeconds)) return response;
      await response.body?.cancel();
      await delay(seconds * 1000, undefined, more.signal && { signal: more.signal });
    }
  }

  async #fetchOnce(
    method: string,
    path: string,
    body: Answer | undefined,
    more: FetchExtras,
  ): Promise<Response> {
    try {
      return await fetch(`${this.#url}${path}`, {
        method,
        signal: more.signal ?? AbortSignal.timeout(timeoutMs),
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
          ...more.headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (error) {
      if (more.signal?.aborted) throw error;
      const reason = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      const words = reason instanceof Error ? reason.message : String(reason);
      throw new Error(
        `no admin API answers at ${this.#url} (${words}): start one with 'signet start', or name it with --admin`,
        { cause: error },
      );
    }
  }
}

function isConfidential(url: string): boolean {
  if (!URL.canParse(url)) return true; // Nothing is sent to what is no address.
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || isLoopback(hostname.replace(/^\[|\]$/g, ''));
}

/** A text field of an answer, empty if it is not there. */
export function text(answer: Answer, field: string): string {
  const value = answer[field];
  return typeof value === 'string' ? value : '';
}

function parseJson(body: string): Answer | undefined {
  if (body === '') return undefined;
  try {
    const parsed: unknown = JSON.parse(body);
    // What it holds is looked at field by field.
    return typeof parsed === 'object' && parsed !== null ? (parsed as Answer) : undefined;
  } catch {
    return { message: 'the answer is not JSON: is this the admin API?' };
  }
}

/** Kong's error bodies: a message, or one text or list of texts for each field. */
function describe(status: number, body: Answer | undefined): string {
  if (status === 401 || status === 403) {
    return `${text(body ?? {}, 'message') || 'not allowed'}: give a token with --token-file or SIGNET_TOKEN`;
  }
  // Problem details (RFC 9457), of our own endpoints.
  if (typeof body?.['detail'] === 'string') return body['detail'];
  const lines = Object.entries(body ?? {}).map(([field, value]) => {
    const words = Array.isArray(value) ? value.join(', ') : String(value);
    return field === 'message' ? words : `${field}: ${words}`;
  });
  return lines.length === 0 ? `the admin API answered ${status}` : lines.join('; ');
}
