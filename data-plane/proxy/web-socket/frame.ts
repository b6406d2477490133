import { randomFillSync } from 'node:crypto';

/** Opcodes of RFC 6455 §5.2. */
export const opcodes = {
  continuation: 0,
  text: 1,
  binary: 2,
  close: 8,
  ping: 9,
  pong: 10,
} as const;

export type Opcode = (typeof opcodes)[keyof typeof opcodes];

export function isControl(opcode: number): boolean {
  return opcode >= 8;
}

const randomPool = Buffer.alloc(4096);
let randomUsed = randomPool.length;

/** A masking key that nobody can foresee (RFC 6455 §10.3). */
function maskingKey(): Buffer {
  if (randomUsed === randomPool.length) {
    randomFillSync(randomPool);
    randomUsed = 0;
  }
  randomUsed += 4;
  return randomPool.subarray(randomUsed - 4, randomUsed);
}

/** One unfragmented frame as a client sends it: masked. `payload` is copied. */
export function maskedFrame(opcode: Opcode, payload: Uint8Array): Buffer {
  const length = payload.length;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const frame = Buffer.allocUnsafe(2 + extended + 4 + length);
  frame[0] = 0x80 | opcode;
  if (extended === 0) {
    frame[1] = 0x80 | length;
  } else if (extended === 2) {
    frame[1] = 0x80 | 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 0x80 | 127;
    frame.writeUInt32BE(Math.floor(length / 2 ** 32), 2);
    frame.writeUInt32BE(length % 2 ** 32, 6);
  }
  const key = maskingKey();
  const start = 2 + extended + 4;
  key.copy(frame, start - 4);
  const [a = 0, b = 0, c = 0, d = 0] = key;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    frame[start + at] = (payload[at] as number) ^ a; // at + 3 < length
    frame[start + at + 1] = (payload[at + 1] as number) ^ b;
    frame[start + at + 2] = (payload[at + 2] as number) ^ c;
    frame[start + at + 3] = (payload[at + 3] as number) ^ d;
  }
  for (; at < length; at++) frame[start + at] = (payload[at] as number) ^ (key[at % 4] as number);
  return frame;
}

/** What a close frame says. `undefined` stands for an empty one. */
export interface CloseReason {
  readonly code: number | undefined;
  readonly reason: Buffer;
}

export function closePayload({ code, reason }: CloseReason): Buffer {
  if (code === undefined) return Buffer.alloc(0);
  const payload = Buffer.alloc(2 + reason.length);
  payload.writeUInt16BE(code, 0);
  reason.copy(payload, 2);
  return payload;
}

/** `undefined` if it is malformed: one byte, or a code that must not be sent (RFC 6455 §7.4). */
export function parseClosePayload(payload: Buffer): CloseReason | undefined {
  if (payload.length === 0) return { code: undefined, reason: payload };
  if (payload.length === 1) return undefined;
  const code = payload.readUInt16BE(0);
  return isSendableCode(code) ? { code, reason: payload.subarray(2) } : undefined;
}

export function isSendableCode(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006;
}
