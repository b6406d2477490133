import { ChunkedDecoder } from './chunked-decoder.js';
import { parseResponseHead, type ResponseHead } from './response-head.js';

/** What a parser finds, in order. Nothing is called after `complete`, `malformed` or `cut`. */
export interface ResponseEvents {
  /** An interim response other than 101; none of it is forwarded. */
  informational(status: number): void;
  head(head: ResponseHead): void;
  /** A piece of body: a view into the input, valid during the call. */
  body(piece: Buffer): void;
  /** The message is whole. */
  complete(): void;
  /** 101 after a request that asked for an upgrade: `rest` already belongs to the new protocol. */
  upgraded(head: ResponseHead, rest: Buffer): void;
  malformed(reason: string): void;
  /** The connection ended before the message did. */
  cut(): void;
}

export interface ResponseLimits {
  readonly maxHeadBytes: number;
}

export interface ExpectedResponse {
  readonly toHead: boolean;
  readonly toUpgrade: boolean;
}

const maxInterimResponses = 32;
const empty = Buffer.alloc(0);

/**
 * Reads one response after the other off a connection: bytes in, split anywhere, events out. Strict,
 * pure and incremental: it knows no socket and no clock, and keeps a copy only of a split head.
 */
export class ResponseParser {
  readonly #events: ResponseEvents;
  readonly #limits: ResponseLimits;
  #state: 'idle' | 'head' | 'length' | 'chunked' | 'until-close' | 'failed' = 'idle';
  #expected: ExpectedResponse = { toHead: false, toUpgrade: false };
  #partialHead: Buffer = empty;
  #interimResponses = 0;
  #remaining = 0;
  #chunks: ChunkedDecoder | undefined;

  constructor(events: ResponseEvents, limits: ResponseLimits) {
    this.#events = events;
    this.#limits = limits;
  }

  /** Whether nothing is expected: bytes that come now belong to no request. */
  get isIdle(): boolean {
    return this.#state === 'idle';
  }

  /** Prepares for the response of the request that is about to be sent. */
  expect(expected: ExpectedResponse): void {
    this.#expected = expected;
    this.#state = 'head';
    this.#partialHead = empty;
    this.#interimResponses = 0;
  }

  execute(input: Buffer): void {
    let position = 0;
    while (position < input.length) {
      switch (this.#state) {
        case 'head':
          position = this.#readHead(input, position);
          break;
        case 'length': {
          const end = Math.min(input.length, position + this.#remaining);
          this.#remaining -= end - position;
          const piece =
            position === 0 && end === input.length ? input : input.subarray(position, end);
          position = end;
          this.#events.body(piece);
          if (this.#remaining === 0) position = this.#complete(position, input);
          break;
        }
        case 'chunked':
          position = this.#readChunks(input, position);
          break;
        case 'until-close':
          this.#events.body(input.subarray(position));
          return;
        case 'idle':
          this.#fail('bytes after the end of the response');
          return;
        case 'failed':
          return;
        default:
          this.#state satisfies never;
      }
    }
  }

  /** The peer sent FIN. Completes a body that ends with the connection, else the message is cut. */
  end(): void {
    switch (this.#state) {
      case 'until-close':
        this.#state = 'idle';
        this.#events.complete();
        break;
      case 'idle':
      case 'failed':
        break;
      default:
        this.#state = 'failed';
        this.#events.cut();
    }
  }

  #readHead(input: Buffer, start: number): number {
    const partial = this.#partialHead.length;
    const window =
      partial === 0
        ? input.subarray(start)
        : Buffer.concat([this.#partialHead, input.subarray(start)]);
    // The end may lie across the border; three bytes of the part searched before can belong to it.
    const blankLine = window.indexOf('\r\n\r\n', Math.max(0, partial - 3), 'latin1');
    const length = blankLine === -1 ? window.length : blankLine + 4;
    if (length > this.#limits.maxHeadBytes) return this.#fail('response head too large', input);
    if (blankLine === -1) {
      if (hasForeignStart(window)) return this.#fail('malformed status line', input);
      this.#partialHead = partial === 0 ? Buffer.from(window) : window;
      return input.length;
    }
    this.#partialHead = empty;
    const head = parseResponseHead(window.toString('latin1', 0, length), this.#expected.toHead);
    if (typeof head === 'string') return this.#fail(head, input);
    return this.#begin(head, input, start + length - partial);
  }

  #begin(head: ResponseHead, input: Buffer, position: number): number {
    if (head.status === 101) {
      if (!this.#expected.toUpgrade) return this.#fail('101 without a request for it', input);
      this.#state = 'idle';
      this.#events.upgraded(head, input.subarray(position));
      return input.length;
    }
    if (head.status < 200) {
      if (++this.#interimResponses > maxInterimResponses) {
        return this.#fail('too many interim responses', input);
      }
      this.#events.informational(head.status);
      return position;
    }
    const { framing } = head;
    this.#events.head(head);
    switch (framing.kind) {
      case 'none':
        return this.#complete(position, input);
      case 'length':
        if (framing.length === 0) return this.#complete(position, input);
        this.#remaining = framing.length;
        this.#state = 'length';
        return position;
      case 'chunked':
        this.#chunks = new ChunkedDecoder(this.#limits.maxHeadBytes);
        this.#state = 'chunked';
        return position;
      case 'until-close':
        this.#state = 'until-close';
        return position;
      default:
        return framing satisfies never;
    }
  }

  #readChunks(input: Buffer, start: number): number {
    const decoder = this.#chunks;
    if (decoder === undefined) return input.length;
    const step = decoder.decode(input, start, input.length, (piece) => this.#events.body(piece));
    if (step === 'more') return input.length;
    if (step === 'end') return this.#complete(decoder.position, input);
    return this.#fail(step.malformed, input);
  }

  /** Surplus bytes are looked at first: a connection that sent them must not be used again. */
  #complete(position: number, input: Buffer): number {
    this.#state = position < input.length ? 'failed' : 'idle';
    this.#events.complete();
    return input.length;
  }

  #fail(reason: string, input: Buffer = empty): number {
    this.#state = 'failed';
    this.#events.malformed(reason);
    return input.length;
  }
}

/** Lets a peer that speaks something else fail with its first bytes, not after a whole head of them. */
function hasForeignStart(window: Buffer): boolean {
  const start = 'HTTP/1.';
  const seen = Math.min(window.length, start.length);
  return window.toString('latin1', 0, seen) !== start.slice(0, seen);
}
