/** One frame as a server sends it. @param first the final bit, reserved bits and opcode; @param payload as latin1 */
export function serverFrame(first: number, payload: string): Buffer {
  return frame(first, payload, 0);
}

/** The same as a client sends it, masked with zeros. */
export function clientFrame(first: number, payload: string): Buffer {
  return frame(first, payload, 0x80);
}

function frame(first: number, payload: string, mask: 0 | 0x80): Buffer {
  const { length } = payload;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + extended);
  head[0] = first;
  head[1] = mask | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) head.writeUInt16BE(length, 2);
  if (extended === 8) head.writeBigUInt64BE(BigInt(length), 2);
  const key = mask === 0 ? [] : [0, 0, 0, 0];
  return Buffer.concat([head, Buffer.from(key), Buffer.from(payload, 'latin1')]);
}
