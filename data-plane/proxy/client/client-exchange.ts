import type { HttpResponse } from 'uWebSockets.js';
import { BodyReader } from './body-reader.js';
import { BodyWriter } from './body-writer.js';
import { Cork } from './cork.js';
import type {
  ClientBodyReceiver,
  ClientUpgrade,
  ExchangeContext,
  ExchangeOwner,
} from './exchange-owner.js';
import { peerAddressText } from './peer-address.js';
import {
  type AfterResponse,
  announceEnd,
  deliverableLength,
  endStreamed,
  endWhole,
  endWithoutBody,
} from './response-end.js';
import { type ResponseLength, type ResponseStart, writeStart } from './response-start.js';
import { ResponseStream, type ResponseStreamOwner } from './response-stream.js';
import { stallOf } from './stalled-client.js';

/** Of the cork's buffer, for the last chunk in either form. */
const endBytes = 64;

/**
 * One request of a client; with its parts in this directory the only code that touches the engine's
 * response object.
 *
 * It owns what the engine leaves to its user: the abort state (any use after an abort or the end
 * throws), corking, the writes that must not happen inside read callbacks, pairs of pause and resume,
 * the rest of a piece that the client did not take, and the engine's fixed 10 s timers, which it
 * rearms every 4 s so that only the limits given here end an exchange.
 */
export class ClientExchange implements ResponseStreamOwner {
  readonly #res: HttpResponse;
  readonly #context: ExchangeContext;
  readonly #owner: ExchangeOwner;
  readonly #cork: Cork;
  #state: 'open' | 'started' | 'ended' | 'aborted' = 'open';
  #reader: BodyReader | undefined;
  #stream: ResponseStream | undefined;
  #after: AfterResponse = 'keep';
  #ticking = false;
  /** From then on one of the engine's timers runs, whatever the exchange is waiting for. */
  #everResumed = false;

  /** To be made in the first statement of a request handler. */
  constructor(res: HttpResponse, owner: ExchangeOwner, context: ExchangeContext) {
    res.onAborted(() => this.#onAborted());
    this.#res = res;
    this.#owner = owner;
    this.#context = context;
    this.#cork = new Cork(res);
  }

  /** The client's address. Only in the request handler itself. */
  peerAddress(): string {
    return peerAddressText(this.#res.getRemoteAddress());
  }

  /** Whether nothing more can be sent. */
  get isOver(): boolean {
    return this.#state === 'ended' || this.#state === 'aborted';
  }

  get hasStarted(): boolean {
    return this.#state !== 'open';
  }

  /**
   * Closes the connection after the response. So the response waits for the engine's next turn: one
   * that is sent while it still holds bytes behind the request has the close undone by them.
   *
   * @param engineCloses whether the client asked for it in the form that the engine knows.
   */
  closeAfterResponse(engineCloses = false): void {
    this.#after = engineCloses ? 'engine-closes' : 'close';
    this.#context.turn.enterRead();
  }

  /** Takes the request's body. Only in the request handler itself: the engine keeps nothing. */
  receiveBody(receiver: ClientBodyReceiver): void {
    const { turn, now } = this.#context;
    this.#reader = new BodyReader(this.#res, turn, now, (piece, last) => {
      if (!this.isOver) receiver.body(piece, last);
    });
    this.#tick();
  }

  /** Stops reading the body. The engine may still deliver what it has read already, megabytes of it. */
  pauseBody(): void {
    if (!this.isOver) this.#reader?.pause();
  }

  resumeBody(): void {
    this.#run(() => {
      if (this.isOver || !this.isReadingPaused) return;
      this.resumeReading();
      this.#stream?.retry();
    });
  }

  /**
   * Runs `writes` as one write to the socket. Only for code that is called by the loop itself, a
   * socket's read for one: unlike every other write it does not wait for the engine's next turn.
   */
  batch(writes: () => void): void {
    if (this.isOver || this.#cork.isHeld) {
      writes();
      return;
    }
    this.#cork.hold(writes);
    while (this.#stream?.writer.hasOverflow === true) {
      this.#cork.hold(() => this.#stream?.writeOverflow());
    }
    this.#cork.runReleased();
  }

  /** A whole response at once. Does nothing if one has been started. */
  respond(start: ResponseStart, body: string | Buffer | undefined): void {
    if (this.#cork.isHeld) this.#respond(start, body);
    else this.#write(() => this.#respond(start, body));
  }

  #respond(start: ResponseStart, body: string | Buffer | undefined): void {
    if (this.#state !== 'open') return;
    this.#writeStart(start);
    if (typeof body === 'object' && body.length > this.#cork.room && this.#after === 'keep') {
      this.#beginBody(body.length).write(body);
      return;
    }
    this.#end();
    if (body !== undefined) endWhole(this.#res, this.#after, body);
    else endWithoutBody(this.#res, this.#after, start.withheldLength !== undefined);
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
      // the end of the cork still takes it for an HTTP response and may close it (3 of 600 were;
      // uNetworking/uWebSockets#1929, mended after this build). The price is the engine's warning
      // about uncorked writes, once per upgrade: it looks for a cork's callback on the stack, no more.
      this.#cork.onceReleased(() => {
        if (this.isOver) return;
        this.#end();
        this.#res.upgrade(data, key, protocol, '', context);
      });
    });
  }

  /** Status and fields of a response whose body follows piece by piece. */
  start(start: ResponseStart, length: ResponseLength): void {
    this.#write(() => {
      if (this.#state !== 'open') return;
      this.#writeStart(announceEnd(start, this.#after));
      this.#beginBody(deliverableLength(length, this.#after));
    });
  }

  /** Sends the start on its own, where the engine can: not before a body of unknown length. */
  flushStart(): void {
    const length = this.#stream?.writer.length;
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
    const stream = this.#stream;
    if (stream === undefined) return true;
    this.batch(() => stream.write(piece));
    return this.isOver || !stream.writer.isBlocked;
  }

  /** The started response is whole; it ends as soon as the client has taken it. */
  finish(): void {
    this.#write(() => this.#stream?.finish());
  }

  /** Cuts the connection, without a word: the response can't be completed, or its request is in doubt. */
  cut(): void {
    // Closing a corked socket would leave the engine uncorking a closed one.
    if (this.#cork.isHeld) {
      this.#cork.onceReleased(() => this.cut());
      return;
    }
    this.#context.turn.runClosing(() => {
      if (this.isOver) return;
      this.#end();
      this.#state = 'aborted';
      this.#res.close();
    });
  }

  /** Every 4 s: rearms the engine's timers and applies ours. */
  rearm(now: number): void {
    if (this.isOver) return;
    const reader = this.#reader;
    const writer = this.#stream?.writer;
    const stall = stallOf(reader, writer, this.#context.limits, now);
    if (stall !== undefined) {
      this.cut();
      this.#owner.aborted(stall);
      return;
    }
    // A deliberate pause has no timer; without body, response or resume there is none either.
    if (reader?.isPaused === true) return;
    const isStreaming = reader?.isReading === true || writer !== undefined;
    if (!isStreaming && !this.#everResumed) return;
    this.#res.pause();
    this.#res.resume();
    this.#everResumed = true;
    this.#stream?.retry();
    // The kernel reports a slow client's socket writable only when much of a big buffer is free.
    if (writer?.isBlocked === true && !writer.hasRemainder) this.#owner.writable();
  }

  /** Runs a write now if the loop allows it, else in its next turn. */
  #write(write: () => void): void {
    if (this.#cork.isHeld) {
      write();
      return;
    }
    this.#run(() => {
      if (!this.isOver) this.batch(write);
    });
  }

  /** Any write may be the one that ends the response, and with it perhaps the connection. */
  #run(task: () => void): void {
    const { turn } = this.#context;
    if (this.#after === 'keep') turn.run(task);
    else turn.runClosing(task);
  }

  #writeStart(start: ResponseStart): void {
    this.#cork.room -= writeStart(this.#res, start);
  }

  #beginBody(length: ResponseLength): ResponseStream {
    const writer = new BodyWriter(this.#res, this.#cork, length, this.#context.now);
    const stream = new ResponseStream(writer, this);
    this.#state = 'started';
    this.#stream = stream;
    this.#res.onWritable(() => {
      this.#run(() => stream.drained());
      return true;
    });
    this.#tick();
    return stream;
  }

  // --- ResponseStreamOwner ---

  get isReadingPaused(): boolean {
    return this.#reader?.isPaused === true;
  }

  resumeReading(): void {
    this.#everResumed = true;
    this.#reader?.resume();
  }

  ended(): void {
    this.#over('ended');
  }

  endBody(length: 'unknown' | 'none'): void {
    if (this.#cork.room < endBytes) {
      this.#cork.onceReleased(() => this.finish());
      return;
    }
    this.#end();
    if (length === 'none') endWithoutBody(this.#res, this.#after, false);
    else endStreamed(this.#res, this.#after, this.#context.turn);
  }

  writable(): void {
    this.#owner.writable();
  }

  #tick(): void {
    if (this.#ticking) return;
    this.#ticking = true;
    this.#context.ticker.add(this);
  }

  /** Just before the response ends. A connection that ends paused would stay so for ever. */
  #end(): void {
    this.resumeReading();
    this.#over('ended');
  }

  #over(state: 'ended' | 'aborted'): void {
    this.#state = state;
    this.#stream = undefined;
    if (this.#ticking) this.#context.ticker.remove(this);
  }

  #onAborted(): void {
    if (this.isOver) return;
    this.#over('aborted');
    this.#owner.aborted({
      source: 'downstream',
      phase: this.#reader?.isPending === true ? 'send-request' : 'send-response',
      kind: 'client_aborted',
      requestSent: true,
    });
  }
}
