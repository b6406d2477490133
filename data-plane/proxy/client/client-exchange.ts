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
import { type ResponseLength, type ResponseStart, writeStart } from './response-start.js';

/**
 * One request of a client; with its parts in this directory the only code that touches the engine's
 * response object.
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
  readonly #cork: Cork;
  #state: 'open' | 'started' | 'ended' | 'aborted' = 'open';
  #reader: BodyReader | undefined;
  #writer: BodyWriter | undefined;
  #finishing = false;
  #closeAfter = false;
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
   */
  closeAfterResponse(): void {
    this.#closeAfter = true;
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
    this.#context.turn.run(() => {
      if (this.isOver || this.#reader?.isPaused !== true) return;
      this.#resume();
      this.#retry();
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
    while (this.#writer?.hasOverflow === true) this.#cork.hold(() => this.#writeOverflow());
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
    if (typeof body === 'object' && body.length > this.#cork.room && !this.#closeAfter) {
      this.#beginBody(body.length);
      this.#writePiece(body);
      return;
    }
    this.#end();
    if (body === undefined) {
      this.#endWithoutBody(start.withheldLength !== undefined);
    } else {
      this.#res.end(body, this.#closeAfter);
    }
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
      this.#writeStart(start);
      // The engine can't close after a body of known length, so such a response goes out in chunks.
      this.#beginBody(typeof length === 'number' && this.#closeAfter ? 'unknown' : length);
    });
  }

  /** Sends the start on its own, where the engine can: not before a body of unknown length. */
  flushStart(): void {
    const length = this.#writer?.length;
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
    return this.#writer?.isBlocked !== true;
  }

  /** The started response is whole; it ends as soon as the client has taken it. */
  finish(): void {
    this.#write(() => {
      if (this.#state !== 'started') return;
      this.#finishing = true;
      this.#finishIfTaken();
    });
  }

  /** Cuts the connection, without a word: the response can't be completed, or its request is in doubt. */
  cut(): void {
    // Closing a corked socket would leave the engine uncorking a closed one.
    if (this.#cork.isHeld) {
      this.#cork.onceReleased(() => this.cut());
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
    const reader = this.#reader;
    const writer = this.#writer;
    const isReading = reader?.isReading === true;
    if (isReading && reader.silentMs(now) > limits.clientReadTimeoutMs) {
      this.#giveUp('send-request', 'the client stopped sending its body');
      return;
    }
    if (writer?.isBlocked === true && writer.silentMs(now) > limits.clientWriteTimeoutMs) {
      this.#giveUp('send-response', 'the client stopped taking the response');
      return;
    }
    // A deliberate pause has no timer; without body, response or resume there is none either.
    if (reader?.isPaused === true) return;
    if (!(isReading || writer !== undefined || this.#everResumed)) return;
    this.#res.pause();
    this.#res.resume();
    this.#everResumed = true;
    this.#retry();
    // The kernel reports a slow client's socket writable only when much of a big buffer is free.
    if (writer?.isBlocked === true && !writer.hasRemainder) this.#owner.writable();
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
    if (this.#cork.isHeld) {
      write();
      return;
    }
    this.#context.turn.run(() => {
      if (!this.isOver) this.batch(write);
    });
  }

  #writeStart(start: ResponseStart): void {
    this.#cork.room -= writeStart(this.#res, start);
  }

  #beginBody(length: ResponseLength): void {
    this.#state = 'started';
    this.#writer = new BodyWriter(this.#res, this.#cork, length, this.#context.now);
    this.#res.onWritable(() => {
      this.#context.turn.run(() => this.#onWritable());
      return true;
    });
    this.#tick();
  }

  #writePiece(piece: Buffer): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    // The last byte of a known length ends the response, and a paused connection would stay so.
    if (this.#reader?.isPaused === true && writer.isLast(piece)) this.#resume();
    writer.write(piece);
    if (writer.isWhole) this.#over('ended');
  }

  #writeOverflow(): void {
    this.#writer?.writeOverflow();
    if (this.#finishing) this.#finishIfTaken();
  }

  #onWritable(): void {
    const writer = this.#writer;
    if (this.#state !== 'started' || writer === undefined) return;
    writer.progressed();
    this.#retry();
    this.#unblocked();
  }

  /** Corking, even of nothing, is what makes the engine send what it kept. */
  #retry(): void {
    const writer = this.#writer;
    if (this.#state !== 'started' || writer === undefined) return;
    const wasBlocked = writer.isBlocked;
    this.batch(() => {
      const rest = writer.takeRemainder();
      if (rest !== undefined) this.#writePiece(rest);
    });
    if (wasBlocked && !writer.isBlocked) this.#unblocked();
  }

  #unblocked(): void {
    if (this.#state !== 'started' || this.#writer?.isBlocked === true) return;
    if (this.#finishing) this.batch(() => this.#finishIfTaken());
    else this.#owner.writable();
  }

  #finishIfTaken(): void {
    const writer = this.#writer;
    if (this.#state !== 'started' || writer === undefined) return;
    if (writer.isBlocked || writer.hasOverflow) return;
    if (typeof writer.length === 'number') {
      // A body of known length ends with its last byte; one that stayed short can't be repaired.
      this.cut();
      return;
    }
    this.#end();
    if (writer.length === 'unknown') this.#res.end('', this.#closeAfter);
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
    this.#everResumed = true;
    this.#reader?.resume();
  }

  #tick(): void {
    if (this.#ticking) return;
    this.#ticking = true;
    this.#context.ticker.add(this);
  }

  /** Just before the response ends. A connection that ends paused would stay so for ever. */
  #end(): void {
    this.#resume();
    this.#over('ended');
  }

  #over(state: 'ended' | 'aborted'): void {
    this.#state = state;
    this.#writer = undefined;
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
