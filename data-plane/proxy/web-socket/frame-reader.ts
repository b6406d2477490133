import { isControl, opcodes } from './frame.js';

/** What a server's frames hold, in order. Buffers are views of the input, valid during the call. */
export interface FrameEvents {
  /**
   * A piece of a message: however its frames are cut, pieces come as they arrive.
   * @param first whether it begins the message, whose kind is `isBinary`.
   * @param last whether it ends the message. An empty piece may.
   */
  data(piece: Buffer, isBinary: boolean, first: boolean, last: boolean): void;
  ping(payload: Buffer): void;
  pong(payload: Buffer): void;
  /** Nothing is read afterwards. */
  close(payload: Buffer): void;
  /** Nothing is read afterwards. */
  malformed(reason: string): void;
}

const maxControlBytes = 125;

/**
 * Reads a server's frames (RFC 6455 §5) off bytes split anywhere. Payloads of data frames are handed
 * on piece by piece, so no message is ever held; control frames are put together. Masked frames,
 * reserved bits and opcodes, and fragmented or oversized control frames are malformed.
 */
export class FrameReader {
  readonly #events: FrameEvents;
  #header: Buffer = Buffer.alloc(14);
  #headerLength = 0;
  #state: 'header' | 'payload' | 'over' = 'header';
  #opcode = 0;
  #fin = false;
  #remaining = 0;
  #control: Buffer[] = [];
  /** Kind of the message whose frames are being read. */
  #message: 'none' | 'text' | 'binary' = 'none';
  #first = true;

  constructor(events: FrameEvents) {
    this.#events = events;
  }

  execute(input: Buffer): void {
    let at = 0;
    while (at < input.length && this.#state !== 'over') {
      if (this.#state === 'header') {
        this.#header[this.#headerLength++] = input[at++] as number; // at < input.length
        this.#readHeader();
      } else {
        const end = Math.min(input.length, at + this.#remaining);
        const piece = input.subarray(at, end);
        this.#remaining -= end - at;
        at = end;
        this.#payload(piece);
      }
    }
  }

  #readHeader(): void {
    if (this.#headerLength < 2) return;
    const length = payloadLength(this.#header, this.#headerLength);
    if (length === 'incomplete') return;
    const first = this.#header[0] as number; // two bytes are there
    const fault = typeof length === 'string' ? length : frameFault(first, length, this.#inMessage);
    if (fault !== undefined || typeof length === 'string') {
      this.#fail(fault ?? '');
      return;
    }
    this.#headerLength = 0;
    this.#fin = (first & 0x80) !== 0;
    this.#opcode = first & 0x0f;
    if (this.#opcode === opcodes.text || this.#opcode === opcodes.binary) {
      this.#message = this.#opcode === opcodes.text ? 'text' : 'binary';
      this.#first = true;
    }
    this.#remaining = length;
    this.#state = 'payload';
    if (length === 0) this.#payload(Buffer.alloc(0));
  }

  get #inMessage(): boolean {
    return this.#message !== 'none';
  }

  #payload(piece: Buffer): void {
    const ends = this.#remaining === 0;
    if (ends) this.#state = 'header';
    if (isControl(this.#opcode)) {
      // A control payload may be split: kept until it is whole, 125 bytes at the most.
      this.#control.push(Buffer.from(piece));
      if (ends) this.#endControl();
      return;
    }
    const last = ends && this.#fin;
    const isBinary = this.#message === 'binary';
    const first = this.#first;
    this.#first = false;
    if (last) this.#message = 'none';
    if (piece.length > 0 || last) this.#events.data(piece, isBinary, first, last);
    else if (first) this.#first = true;
  }

  #endControl(): void {
    const payload = Buffer.concat(this.#control);
    this.#control = [];
    if (this.#opcode === opcodes.ping) this.#events.ping(payload);
    else if (this.#opcode === opcodes.pong) this.#events.pong(payload);
    else {
      this.#state = 'over';
      this.#events.close(payload);
    }
  }

  #fail(reason: string): void {
    this.#state = 'over';
    this.#events.malformed(reason);
  }
}

/** Length of a frame's payload (RFC 6455 §5.2), or what is wrong with it. */
function payloadLength(header: Buffer, received: number): number | string {
  const second = header[1] as number; // the caller has two bytes
  if ((second & 0x80) !== 0) return 'masked frame from a server';
  const short = second & 0x7f;
  if (short < 126) return short;
  if (short === 126) {
    if (received < 4) return 'incomplete';
    const length = header.readUInt16BE(2);
    return length < 126 ? 'length not in its shortest form' : length;
  }
  if (received < 10) return 'incomplete';
  const high = header.readUInt32BE(2);
  // Above 2^53 the sum would not be exact.
  if (high > 0x1fffff) return 'frame too long';
  const length = high * 2 ** 32 + header.readUInt32BE(6);
  return length < 65_536 ? 'length not in its shortest form' : length;
}

function frameFault(first: number, length: number, inMessage: boolean): string | undefined {
  if ((first & 0x70) !== 0) return 'reserved bits set';
  const opcode = first & 0x0f;
  switch (opcode) {
    case opcodes.continuation:
      return inMessage ? undefined : 'continuation of nothing';
    case opcodes.text:
    case opcodes.binary:
      return inMessage ? 'message inside a message' : undefined;
    case opcodes.close:
    case opcodes.ping:
    case opcodes.pong:
      if ((first & 0x80) === 0) return 'fragmented control frame';
      return length > maxControlBytes ? 'control frame too long' : undefined;
    default:
      return 'reserved opcode';
  }
}
