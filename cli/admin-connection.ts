import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Dispatcher } from 'undici';
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

interface Received {
  readonly status: number;
  /** 0 unless the answer says how long to wait. */
  readonly retryAfterSeconds: number;
  readonly text: string;
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
    const { status, text } = await this.#patiently(() => this.#sendOnce(method, path, body));
    const parsed = parseJson(text);
    if (status < 200 || status > 299)
      throw new AdminRefusal(status, describe(status, path, parsed, this.#token !== undefined));
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
    try {
      const response = await fetch(`${this.#url}${path}`, {
        headers: { ...this.#headers(), ...headers },
        signal,
      });
      if (response.ok) return response;
      const parsed = parseJson(await response.text());
      throw new AdminRefusal(
        response.status,
        describe(response.status, path, parsed, this.#token !== undefined),
      );
    } catch (error) {
      if (signal.aborted || error instanceof AdminRefusal) throw error;
      throw this.#unreachable(error);
    }
  }

  /** Waits where the control plane asks for patience: what it did not admit it did not begin. */
  async #patiently(attempt: () => Promise<Received>): Promise<Received> {
    for (let count = 1; ; count++) {
      const received = await attempt();
      const seconds = received.retryAfterSeconds;
      const isWorthIt = seconds > 0 && seconds <= longestPauseSeconds;
      if (received.status !== 429 || count === maxAttempts || !isWorthIt) return received;
      await delay(seconds * 1000);
    }
  }

  async #sendOnce(method: Dispatcher.HttpMethod, path: string, body?: Answer): Promise<Received> {
    // Not `fetch`: an import sends tens of thousands of requests, at a quarter of the CPU like this.
    const { request } = await import('undici');
    try {
      const answer = await request(`${this.#url}${path}`, {
        method,
        headers: { ...this.#headers(), ...(body && { 'content-type': 'application/json' }) },
        body: body === undefined ? null : JSON.stringify(body),
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
      });
      return {
        status: answer.statusCode,
        retryAfterSeconds: Number(answer.headers['retry-after'] ?? 0),
        text: await answer.body.text(),
      };
    } catch (error) {
      throw this.#unreachable(error);
    }
  }

  #headers(): Record<string, string> {
    return this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` };
  }

  #unreachable(error: unknown): Error {
    const reason = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const words = reason instanceof Error ? reason.message : String(reason);
    return new Error(
      `no admin API answers at ${this.#url} (${words}): start one with 'signet start', or name it with --admin`,
      { cause: error },
    );
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
function describe(
  status: number,
  path: string,
  body: Answer | undefined,
  hasToken: boolean,
): string {
  if (status === 404 && text(body ?? {}, 'message') === 'Not found') {
    return `the control plane has no ${decodeURIComponent(path.slice(1).replace(/\?.*/, ''))}`;
  }
  const flags = '--token-file or SIGNET_TOKEN';
  if (status === 401 && !hasToken) return `A token is needed: give one with ${flags}`;
  if (status === 401 || status === 403) {
    const token = hasToken ? 'another token' : 'a token';
    return `${text(body ?? {}, 'message') || 'not allowed'}: give ${token} with ${flags}`;
  }
  // Problem details (RFC 9457), of our own endpoints.
  if (typeof body?.['detail'] === 'string') return body['detail'];
  const lines = Object.entries(body ?? {}).map(([field, value]) => {
    const words = Array.isArray(value) ? value.join(', ') : String(value);
    return field === 'message' ? words : `${field}: ${words}`;
  });
  return lines.length === 0 ? `the admin API answered ${status}` : lines.join('; ');
}
