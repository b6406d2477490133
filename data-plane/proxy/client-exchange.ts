import type { HttpResponse, us_socket_context_t } from 'uWebSockets.js';
import type { EngineTurn } from './engine-turn.js';
import type { ExchangeTicker } from './exchange-ticker.js';
import type { ProxyError } from './proxy-error.js';
import type { ProxyLimits } from './proxy-limits.js';
import type { RelayData } from './web-socket/web-socket-relay.js';

/** The engine's cork buffer, one per thread. */
const corkBytes = 16 * 1024;
/** What the engine writes of itself: `HTTP/1.1 `, its date, its mark, the framing, the blank line. */
const engineHeadBytes = 160;
/** Two line ends and a size in hexadecimal digits around each chunk. */
const chunkOverheadBytes = 12;

/** Status line and fields of a response to the client, nothing of its framing. */
export interface ResponseStart {
  /** `200 OK`. */
  readonly status: string;
  /** Name, value, name, value, …; already free of CR, LF and NUL: the engine checks nothing. */
  readonly fields: readonly string[];
  /** Whether values hold characters above 0x7f that stand for single bytes. */
  readonly binary: boolean;
}

/** How much body follows a start: its length, `'unknown'`, or none (HEAD, 204, 304). */
export type ResponseLength = number | 'unknown' | 'none';

export interface ClientUpgrade {
  readonly key: string;
  /** Empty for none. */
  readonly protocol: string;
  readonly context: us_socket_context_t;
  readonly data: RelayData;
}

export interface ClientBodyReceiver {
  /** A piece of the request's body, which may be kept. `last` comes once, perhaps with an empty piece. */
  body(piece: Buffer, last: boolean): void;
}

export interface ExchangeOwner {
  /** The client is gone or was cut; the exchange must not be used any more. Once, never after `finish`. */
  aborted(error: ProxyError): void;
  /** The client takes more after a `write` that returned false. */
  writable(): void;
}

export interface ExchangeContext {
  readonly turn: EngineTurn;
  readonly ticker: ExchangeTicker;
  readonly limits: ProxyLimits;
  readonly now: () => number;
}

/**
 * One request of a client, and the only code that touches the engine's response object.
 *
 * It owns what the engine leaves to its user: the abort state (any use after an abort or the end
 * throws), corking, the writes that must not happen inside read callbacks, pairs of pause and resume,
 * the rest of a piece that the client did not take, and the engine's fixed 10 s timers, which it
 * rearms every 4 s so that only the limits given here end an exchange.
 */
export class ClientExchange {
  readonly #res: HttpResponse;
  readonly #context: ExchangeContext;
  readonly #owner: ExchangeOwner;
  #state: 'open' | 'started' | 'ended' | 'aborted' = 'open';
  #corked = false;
  #cutPending = false;
  #upgradePending: (() => void) | undefined;
  #ticking = false;
  #closeAfter = false;

  #receiver: ClientBodyReceiver | undefined;
  #bodyPending = false;
  #paused = false;
  #everResumed = false;
  #lastReadAt = 0;

  #length: ResponseLength = 'none';
  #remainder: Buffer | undefined;
  /** Bytes that the engine's cork buffer still takes in this batch. */
  #corkRoom = 0;
  #overflow: Buffer[] = [];
  #blocked = false;
  #finishing = false;
  #lastWriteAt = 0;

  /** To be made in the first statement of a request handler. */
  constructor(res: HttpResponse, owner: ExchangeOwner, context: ExchangeContext) {
    res.onAborted(() => this.#onAborted());
    this.#res = res;
    this.#owner = owner;
    this.#context = context;
  }

  /** Whether nothing more can be sent. */
  get isOver(): boolean {
    return this.#state === 'ended' || this.#state === 'aborted';
  }

  get hasStarted(): boolean {
    return this.#state !== 'open';
  }

  /** Whether the client still sends its body. */
  get bodyPending(): boolean {
    return this.#bodyPending;
  }

  /**
   * Closes the connection after the response. So the response waits for the engine's next turn: one
   * that is sent while it still holds bytes behind the request has the close undone by them.
   */
  closeAfterResponse(): void {
    this.#closeAfter = true;
    this.#context.turn.enterRead();
  }

  /** Takes the request's body. Only in the request handler itself: the engine keeps nothing. */
  receiveBody(receiver: ClientBodyReceiver): void {
    this.#receiver = receiver;
    this.#bodyPending = true;
    this.#lastReadAt = this.#context.now();
    this.#tick();
    // The engine may hand over the body's first bytes before the handler's own writes have left.
    this.#context.turn.enterRead();
    this.#res.onData((chunk, last) => {
      this.#context.turn.enterRead();
      if (last) this.#bodyPending = false;
      if (this.isOver) return;
      this.#lastReadAt = this.#context.now();
      // The engine takes the memory back when this returns.
      this.#receiver?.body(Buffer.from(chunk.slice(0)), last);
    });
  }

  /** Stops reading the body. The engine may still deliver what it has read already, megabytes of it. */
  pauseBody(): void {
    if (this.#paused || !this.#bodyPending || this.isOver) return;
    this.#paused = true;
    this.#res.pause();
  }

  resumeBody(): void {
    this.#context.turn.run(() => {
      if (!this.#paused || this.isOver) return;
      this.#lastReadAt = this.#context.now();
      this.#resume();
      this.#retry();
    });
  }

  /**
   * Runs `writes` as one write to the socket. Only for code that is called by the loop itself, a
   * socket's read for one: unlike every other write it does not wait for the engine's next turn.
   */
  batch(writes: () => void): void {
    if (this.isOver || this.#corked) {
      writes();
      return;
    }
    this.#inCork(writes);
    while (this.#overflow.length > 0 && !this.isOver) this.#inCork(() => this.#writeOverflow());
    if (this.#cutPending) this.cut();
    const upgrade = this.#upgradePending;
    this.#upgradePending = undefined;
    if (!this.isOver) upgrade?.();
  }

  #inCork(writes: () => void): void {
    this.#res.cork(() => {
      this.#corked = true;
      this.#corkRoom = corkBytes;
      try {
        writes();
      } finally {
        this.#corked = false;
      }
    });
  }

  /** A whole response at once. Does nothing if one has been started. */
  respond(start: ResponseStart, body: string | Buffer | undefined): void {
    this.#write(() => {
      if (this.#state !== 'open') return;
      this.#writeStart(start);
      if (Buffer.isBuffer(body) && body.length > this.#corkRoom && !this.#closeAfter) {
        this.#beginBody(body.length);
        this.#writePiece(body);
        return;
      }
      this.#end();
      if (body === undefined) this.#endWithoutBody(start.fields.includes('Content-Length'));
      else this.#res.end(body, this.#closeAfter);
    });
  }

  /**
   * Makes the connection a WebSocket, whose events the app's route hands to the relay in `data`. Does nothing
   * if a response has been started.
   */
  upgrade(start: ResponseStart, { key, protocol, context, data }: ClientUpgrade): void {
    this.#write(() => {
      if (this.#state !== 'open') return;
      this.#writeStart(start);
      // Not while corked: where the engine finds room to turn the socket into a WebSocket in place,
      // the end of the cork still takes it for an HTTP response and may close it (3 of 600 were).
      // The price is the engine's warning about uncorked writes on standard error, once per upgrade.
      this.#upgradePending = () => {
        this.#end();
        this.#res.upgrade(data, key, protocol, '', context);
      };
    });
  }

  /** Status and fields of a response whose body follows piece by piece. */
  start(start: ResponseStart, length: ResponseLength): void {
    this.#write(() => {
      if (this.#state !== 'open') return;
      this.#writeStart(start);
      // The engine can't close after a body of known length, so such a response goes out in chunks.
      this.#beginBody(typeof length === 'number' && this.#closeAfter ? 'unknown' : length);
    });
  }

  #beginBody(length: ResponseLength): void {
    this.#state = 'started';
    this.#length = length;
    this.#lastWriteAt = this.#context.now();
    this.#res.onWritable(() => {
      this.#context.turn.run(() => this.#onWritable());
      return true;
    });
    this.#tick();
  }

  /** Sends the start on its own, where the engine can: not before a body of unknown length. */
  flushStart(): void {
    const length = this.#length;
    if (typeof length !== 'number') return;
    this.#write(() => {
      if (this.#state === 'started') this.#res.tryEnd('', length);
    });
  }

  /**
   * The next piece of a started response; it may be overwritten afterwards.
   * @returns whether the client takes more at once; else `writable` says when.
   */
  write(piece: Buffer): boolean {
    if (this.#state !== 'started') return true;
    this.batch(() => this.#writePiece(piece));
    return !this.#blocked;
  }

  /** The started response is whole; it ends as soon as the client has taken it. */
  finish(): void {
    this.#write(() => {
      if (this.#state !== 'started') return;
      this.#finishing = true;
      if (!this.#blocked && this.#overflow.length === 0) this.#finishStarted();
    });
  }

  /** Cuts the connection, without a word: the response can't be completed, or its request is in doubt. */
  cut(): void {
    // Closing a corked socket would leave the engine uncorking a closed one.
    if (this.#corked) {
      this.#cutPending = true;
      return;
    }
    this.#context.turn.run(() => {
      if (this.isOver) return;
      this.#end();
      this.#state = 'aborted';
      this.#res.close();
    });
  }

  /** Every 4 s: rearms the engine's timers and applies ours. */
  rearm(now: number): void {
    const { limits } = this.#context;
    if (this.isOver) return;
    const reading = this.#bodyPending && !this.#paused;
    if (reading && now - this.#lastReadAt > limits.clientReadTimeoutMs) {
      this.#giveUp('send-request', 'the client stopped sending its body');
      return;
    }
    if (this.#blocked && now - this.#lastWriteAt > limits.clientWriteTimeoutMs) {
      this.#giveUp('send-response', 'the client stopped taking the response');
      return;
    }
    // A deliberate pause has no timer; without body, response or resume there is none either.
    if (this.#paused || !(reading || this.#state === 'started' || this.#everResumed)) return;
    this.#res.pause();
    this.#resume();
    this.#retry();
    // The kernel reports a slow client's socket writable only when much of a big buffer is free.
    if (this.#blocked && this.#remainder === undefined) this.#owner.writable();
  }

  #giveUp(phase: 'send-request' | 'send-response', detail: string): void {
    this.cut();
    this.#owner.aborted({
      source: 'downstream',
      phase,
      kind: 'client_timeout',
      requestSent: true,
      detail,
    });
  }

  /** Runs a write now if the loop allows it, else in its next turn. */
  #write(write: () => void): void {
    if (this.#corked) {
      write();
      return;
    }
    this.#context.turn.run(() => {
      if (!this.isOver) this.batch(write);
    });
  }

  #writeStart({ status, fields, binary }: ResponseStart): void {
    const res = this.#res;
    res.writeStatus(status);
    this.#corkRoom -= status.length + engineHeadBytes;
    for (let i = 0; i < fields.length; i += 2) {
      const value = fields[i + 1] as string; // fields come in pairs
      const name = fields[i] as string;
      this.#corkRoom -= name.length + value.length + 4;
      res.writeHeader(name, binary ? Buffer.from(value, 'latin1') : value);
    }
  }

  #writePiece(piece: Buffer): void {
    if (this.#remainder !== undefined) {
      this.#remainder = Buffer.concat([this.#remainder, piece]);
      return;
    }
    if (typeof this.#length !== 'number') {
      this.#writeChunk(piece);
      return;
    }
    const before = this.#res.getWriteOffset();
    const [taken, done] = this.#res.tryEnd(piece, this.#length);
    if (done) {
      this.#end();
    } else if (taken) {
      this.#progressed();
    } else {
      const rest = piece.subarray(this.#res.getWriteOffset() - before);
      this.#remainder = Buffer.from(rest);
      if (rest.length < piece.length) this.#lastWriteAt = this.#context.now();
      this.#blocked = true;
    }
  }

  /**
   * A piece of a body of unknown length; what the client does not take the engine keeps. But a write
   * that overflows the cork buffer is lost without a trace if the kernel does not even take what was
   * corked before it. So writes fill the buffer at the most, and what is left goes into the next.
   */
  #writeChunk(piece: Buffer): void {
    const room = this.#corkRoom - chunkOverheadBytes;
    if (this.#overflow.length > 0 || room <= 0) {
      this.#overflow.push(piece);
      return;
    }
    const fits = piece.length <= room ? piece : piece.subarray(0, room);
    this.#corkRoom -= fits.length + chunkOverheadBytes;
    if (this.#res.write(fits)) this.#progressed();
    else this.#blocked = true;
    if (fits !== piece) this.#overflow.push(piece.subarray(room));
  }

  /** Runs before the read that the pieces are views of returns. */
  #writeOverflow(): void {
    const pieces = this.#overflow;
    this.#overflow = [];
    for (const piece of pieces) this.#writeChunk(piece);
    if (this.#finishing && !this.#blocked && this.#overflow.length === 0) this.#finishStarted();
  }

  #progressed(): void {
    this.#lastWriteAt = this.#context.now();
    this.#blocked = false;
  }

  #onWritable(): void {
    if (this.#state !== 'started') return;
    this.#progressed();
    this.#retry();
    this.#unblocked();
  }

  /** Corking, even of nothing, is what makes the engine send what it kept. */
  #retry(): void {
    if (this.#state !== 'started') return;
    const wasBlocked = this.#blocked;
    this.batch(() => {
      const rest = this.#remainder;
      if (rest === undefined) return;
      this.#remainder = undefined;
      this.#writePiece(rest);
    });
    if (wasBlocked && !this.#blocked) this.#unblocked();
  }

  #unblocked(): void {
    if (this.#state !== 'started' || this.#blocked) return;
    if (this.#finishing) this.batch(() => this.#finishStarted());
    else this.#owner.writable();
  }

  #finishStarted(): void {
    if (this.#state !== 'started') return;
    const length = this.#length;
    if (typeof length === 'number') {
      // A body of known length ends with its last byte; one that stayed short can't be repaired.
      this.cut();
      return;
    }
    this.#end();
    if (length === 'unknown') this.#res.end('', this.#closeAfter);
    else this.#endWithoutBody(false);
  }

  /**
   * With a close the engine can't but add `Content-Length: 0`. A client ignores it where there is no
   * other; beside the length of a HEAD's answer it would be a lie, so that connection stays open.
   */
  #endWithoutBody(declaresLength: boolean): void {
    if (this.#closeAfter && !declaresLength) this.#res.endWithoutBody(0, true);
    else this.#res.endWithoutBody();
  }

  #resume(): void {
    this.#paused = false;
    this.#everResumed = true;
    this.#res.resume();
  }

  #tick(): void {
    if (this.#ticking) return;
    this.#ticking = true;
    this.#context.ticker.add(this);
  }

  /** Just before the response ends. A connection that ends paused would stay so for ever. */
  #end(): void {
    if (this.#paused) this.#resume();
    this.#state = 'ended';
    this.#remainder = undefined;
    this.#overflow = [];
    if (this.#ticking) this.#context.ticker.remove(this);
  }

  #onAborted(): void {
    if (this.isOver) return;
    this.#state = 'aborted';
    this.#remainder = undefined;
    this.#overflow = [];
    if (this.#ticking) this.#context.ticker.remove(this);
    this.#owner.aborted({
      source: 'downstream',
      phase: this.#bodyPending ? 'send-request' : 'send-response',
      kind: 'client_aborted',
      requestSent: true,
    });
  }
}
