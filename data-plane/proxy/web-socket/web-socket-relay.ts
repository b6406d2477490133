import type { WebSocket } from 'uWebSockets.js';
import type { EngineTurn } from '../client/engine-turn.js';
import type { ProxyLimits } from '../proxy-limits.js';
import type { UpstreamConnection } from '../upstream/upstream-connection.js';
import type { TunnelReceiver } from '../upstream/upstream-receiver.js';
import {
  closePayload,
  isSendableCode,
  maskedFrame,
  type Opcode,
  opcodes,
  parseClosePayload,
} from './frame.js';
import { FrameReader } from './frame-reader.js';

/** The engine's way to send a message in pieces: there, but not typed. */
interface FragmentSender {
  sendFirstFragment(piece: Uint8Array, isBinary: boolean): number;
  sendFragment(piece: Uint8Array): number;
  sendLastFragment(piece: Uint8Array): number;
}

/** What the engine calls the client's side of a relay. */
export type ClientSocket = WebSocket<RelayData> & FragmentSender;

/** What an upgrade carries: the engine copies its fields, so the relay can't be the data itself. */
export interface RelayData {
  readonly relay: WebSocketRelay;
}

export interface RelayOptions {
  readonly connection: UpstreamConnection;
  readonly limits: ProxyLimits;
  readonly turn: EngineTurn;
  /** Once, when both sides are done with. */
  readonly onEnd: (relay: WebSocketRelay) => void;
}

const internalError = 1011;
const goingAway = 1001;
/** Bytes that may wait for a slow client before its upstream is read no further. */
const highWaterBytes = 256 * 1024;
const noReason = Buffer.alloc(0);

/**
 * Joins a client's WebSocket, whose frames the engine reads, and an upstream's, whose frames are read
 * here. Messages, close codes and pings pass in both directions; a client's pings are also answered
 * by the engine. Towards the client messages are sent on piece by piece; from it they come whole.
 *
 * The engine can't stop reading a WebSocket: a client that sends faster than its upstream takes is
 * buffered up to a bound and then closed.
 */
export class WebSocketRelay implements TunnelReceiver {
  readonly #connection: UpstreamConnection;
  readonly #limits: ProxyLimits;
  readonly #turn: EngineTurn;
  readonly #onEnd: (relay: WebSocketRelay) => void;
  readonly #reader: FrameReader;
  #client: ClientSocket | undefined;
  #clientClosed = false;
  /** What the upstream sent before the client's side was open. */
  #early: Buffer[] = [];
  #closeSent = false;
  #pingsUnanswered = 0;
  #reading = true;
  #isCorked = false;
  /** Ended in a cork, the engine forgets to close the connection: the client would wait for it. */
  #endAfterCork: { readonly code: number | undefined; readonly reason: Buffer } | undefined;

  constructor(options: RelayOptions) {
    this.#connection = options.connection;
    this.#limits = options.limits;
    this.#turn = options.turn;
    this.#onEnd = options.onEnd;
    this.#reader = new FrameReader({
      data: (piece, isBinary, first, last) => this.#sendPiece(piece, isBinary, first, last),
      ping: (payload) => {
        this.#pingsUnanswered++;
        this.#client?.ping(payload);
      },
      // The engine has answered the client's ping already.
      pong: () => undefined,
      close: (payload) => this.#upstreamClosed(payload),
      malformed: () => this.#closeBoth(internalError, 'the upstream broke the protocol'),
    });
  }

  // --- the client's side, called by the engine ---

  opened(client: ClientSocket): void {
    this.#client = client;
    const early = this.#early;
    this.#early = [];
    for (const piece of early) this.tunnelled(piece);
  }

  message(message: ArrayBuffer, isBinary: boolean): void {
    this.#turn.enterRead();
    this.#toUpstream(isBinary ? opcodes.binary : opcodes.text, new Uint8Array(message));
    if (this.#connection.writableLength > this.#limits.maxBufferedWebSocketBytes) {
      // Nothing more can be said to it: what waits there would have to be taken first.
      this.#connection.destroy();
      this.#closeSent = true;
      this.#turn.runClosing(() =>
        this.#endClient(internalError, Buffer.from('the upstream is too slow')),
      );
    }
  }

  pinged(payload: ArrayBuffer): void {
    this.#turn.enterRead();
    this.#toUpstream(opcodes.ping, new Uint8Array(payload));
  }

  /** Passed on only where the upstream asked: the engine sends pings of its own. */
  ponged(payload: ArrayBuffer): void {
    this.#turn.enterRead();
    if (this.#pingsUnanswered === 0) return;
    this.#pingsUnanswered--;
    this.#toUpstream(opcodes.pong, new Uint8Array(payload));
  }

  clientDrained(): void {
    if (this.#reading || this.#clientClosed) return;
    if ((this.#client?.getBufferedAmount() ?? 0) > highWaterBytes / 2) return;
    this.#reading = true;
    this.#connection.resumeReading();
  }

  /** The client's side is closed; the socket must not be used any more. */
  closed(code: number, reason: ArrayBuffer): void {
    this.#turn.enterRead();
    if (this.#clientClosed) return;
    this.#clientClosed = true;
    this.#client = undefined;
    if (this.#connection.isOpen && !this.#closeSent && code !== 1006) {
      this.#sendClose(code, Buffer.from(reason.slice(0)));
    }
    this.#onEnd(this);
    if (!this.#connection.isOpen) return;
    // FIN follows what was written; a client that broke off looks to the upstream as it did to us.
    this.#connection.end();
  }

  // --- TunnelReceiver ---

  tunnelled(piece: Buffer): void {
    const client = this.#client;
    if (client === undefined) {
      if (!this.#clientClosed) this.#early.push(Buffer.from(piece));
      return;
    }
    // One write to the socket, and one TLS record, for all the frames that came together.
    this.#isCorked = true;
    client.cork(() => this.#reader.execute(piece));
    this.#isCorked = false;
    const end = this.#endAfterCork;
    if (end !== undefined) this.#endClient(end.code, end.reason);
    if (this.#clientClosed || !this.#reading) return;
    if (client.getBufferedAmount() > highWaterBytes) {
      this.#reading = false;
      this.#connection.pauseReading();
    }
  }

  failed(): void {
    this.#turn.runClosing(() => {
      if (this.#clientClosed) return;
      // Without a close frame from the upstream the client gets none either: 1006 on both sides.
      this.#client?.close();
    });
  }

  /** Says goodbye to both sides: the gateway stops. */
  goAway(): void {
    this.#turn.runClosing(() => this.#closeBoth(goingAway, ''));
  }

  #sendPiece(piece: Buffer, isBinary: boolean, first: boolean, last: boolean): void {
    const client = this.#client;
    if (client === undefined) return;
    if (first && last) client.send(piece, isBinary);
    else if (first) client.sendFirstFragment(piece, isBinary);
    else if (last) client.sendLastFragment(piece);
    else client.sendFragment(piece);
  }

  #upstreamClosed(payload: Buffer): void {
    const said = parseClosePayload(payload);
    if (said === undefined) {
      this.#closeBoth(internalError, 'the upstream broke the protocol');
      return;
    }
    this.#sendClose(said.code, said.reason);
    this.#endClient(said.code, said.reason);
  }

  #closeBoth(code: number, reason: string): void {
    if (this.#clientClosed) return;
    this.#sendClose(code, Buffer.from(reason));
    this.#endClient(code, Buffer.from(reason));
  }

  /** Calls `closed` before it returns. */
  #endClient(code: number | undefined, reason: Buffer): void {
    if (this.#isCorked) {
      this.#endAfterCork = { code, reason };
      return;
    }
    if (code === undefined) this.#client?.end();
    else this.#client?.end(code, reason);
  }

  #sendClose(code: number | undefined, reason: Buffer): void {
    if (this.#closeSent) return;
    const sendable = code !== undefined && isSendableCode(code) ? code : undefined;
    const said = { code: sendable, reason: sendable === undefined ? noReason : reason };
    this.#toUpstream(opcodes.close, closePayload(said));
    this.#closeSent = true;
  }

  #toUpstream(opcode: Opcode, payload: Uint8Array): void {
    if (!this.#closeSent) this.#connection.write(maskedFrame(opcode, payload));
  }
}
