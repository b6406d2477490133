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
/** Heads are read in steps: what follows one is body, and not worth making text of. */
const headStepBytes = 4096;

/**
 * Reads one response after the other off a connection: bytes in, split anywhere, events out. Strict,
 * pure and incremental: it knows no socket and no clock, and keeps a copy only of a split head.
 */
export class ResponseParser {
  readonly #events: ResponseEvents;
  readonly #limits: ResponseLimits;
  #state: 'idle' | 'head' | 'length' | 'chunked' | 'until-close' | 'failed' = 'idle';
  #expected: ExpectedResponse = { toHead: false, toUpgrade: false };
  #partialHead = '';
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
    this.#partialHead = '';
    this.#interimResponses = 0;
  }

  /** @param end behind the last byte of `input` that was read. */
  execute(input: Buffer, end: number): void {
    let position = 0;
    while (position < end) {
      switch (this.#state) {
        case 'head':
          position = this.#readHead(input, position, end);
          break;
        case 'length': {
          const bodyEnd = Math.min(end, position + this.#remaining);
          this.#remaining -= bodyEnd - position;
          this.#events.body(input.subarray(position, bodyEnd));
          if (this.#remaining > 0) return;
          this.#complete(bodyEnd < end);
          return;
        }
        case 'chunked':
          this.#readChunks(input, position, end);
          return;
        case 'until-close':
          this.#events.body(input.subarray(position, end));
          return;
        case 'idle':
          this.#fail('bytes after the end of the response', end);
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

  /** @returns where to go on reading; the end, if the message is over. */
  #readHead(input: Buffer, start: number, end: number): number {
    const before = this.#partialHead.length;
    const stop = Math.min(end, start + headStepBytes);
    const text = this.#partialHead + input.toString('latin1', start, stop);
    // The end may lie across the border; three bytes of the part searched before can belong to it.
    const blankLine = text.indexOf('\r\n\r\n', Math.max(0, before - 3));
    const length = blankLine === -1 ? text.length : blankLine + 4;
    if (length > this.#limits.maxHeadBytes) return this.#fail('response head too large', end);
    if (blankLine === -1) {
      if (hasForeignStart(text)) return this.#fail('malformed status line', end);
      this.#partialHead = text;
      return stop;
    }
    this.#partialHead = '';
    const head = parseResponseHead(text, length, this.#expected.toHead);
    if (typeof head === 'string') return this.#fail(head, end);
    return this.#begin(head, input, start + length - before, end);
  }

  #begin(head: ResponseHead, input: Buffer, position: number, end: number): number {
    if (head.status === 101) {
      if (!this.#expected.toUpgrade) return this.#fail('101 without a request for it', end);
      this.#state = 'idle';
      this.#events.upgraded(head, input.subarray(position, end));
      return end;
    }
    if (head.status < 200) {
      if (++this.#interimResponses > maxInterimResponses) {
        return this.#fail('too many interim responses', end);
      }
      this.#events.informational(head.status);
      return position;
    }
    const { framing } = head;
    this.#events.head(head);
    switch (framing.kind) {
      case 'none':
        this.#complete(position < end);
        return end;
      case 'length':
        if (framing.length === 0) {
          this.#complete(position < end);
          return end;
        }
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

  #readChunks(input: Buffer, start: number, end: number): void {
    const decoder = this.#chunks;
    if (decoder === undefined) return;
    const step = decoder.decode(input, start, end, (piece) => this.#events.body(piece));
    if (step === 'more') return;
    if (step === 'end') this.#complete(decoder.position < end);
    else this.#fail(step.malformed, end);
  }

  /** @param hasSurplus whether bytes follow: a connection that sent them must not be used again. */
  #complete(hasSurplus: boolean): void {
    this.#state = hasSurplus ? 'failed' : 'idle';
    this.#events.complete();
  }

  #fail(reason: string, end: number): number {
    this.#state = 'failed';
    this.#events.malformed(reason);
    return end;
  }
}

/** Lets a peer that speaks something else fail with its first bytes, not after a whole head of them. */
function hasForeignStart(text: string): boolean {
  const start = 'HTTP/1.';
  return !text.startsWith(start.slice(0, text.length));
}
