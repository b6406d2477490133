import { STATUS_CODES } from 'node:http';
import type { Refusal } from './refusal.js';

/**
 * Problem details (RFC 9457) for Signet's own endpoints. A refusal's `code` names the kind of problem, its
 * `message` becomes the detail; what else it holds are extension members.
 */
export function problemOf({ status, body = {} }: Refusal): object {
  // A refusal's body is a plain object, whose members are looked at one by one.
  const { message, code, ...extensions } = body as Readonly<Record<string, unknown>>;
  return {
    type: typeof code === 'string' ? `urn:signet:problem:${code}` : 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    ...(typeof message === 'string' && { detail: message }),
    ...extensions,
  };
}
