import { randomBytes } from 'node:crypto';

const usable = /^[\w.~:/+=@-]{1,128}$/;
/** W3C Trace Context §3.2: version, trace ID, parent ID, flags; later versions may append to it. */
const traceparentSyntax =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:$|-)/;

/**
 * Names the requests of one worker, for logs, upstreams and answers: 48 random bits that no other worker
 * has, and a count. Randomness for each request would cost more than all else that is done with it.
 */
export class RequestIds {
  readonly #prefix = `${randomBytes(6).toString('hex')}-`;
  #count = 0;

  next(): string {
    return this.#prefix + (++this.#count).toString(36);
  }
}

/** Whether a name that somebody else gave to a request is fit for a log and a header field. */
export function isUsableRequestId(id: string): boolean {
  return usable.test(id);
}

/** The trace that a `traceparent` field says the request belongs to; `undefined` if it is malformed. */
export function traceIdOf(traceparent: string): string | undefined {
  return traceparentSyntax.exec(traceparent)?.[1];
}
