import { GatewayError } from './errors.js';

const lengthBytes = 4;
const empty = Buffer.alloc(0);

/** The peer sent what is no frame of this protocol. The connection can't go on. */
export class ProtocolError extends GatewayError {
  readonly code = 'SIGNET_NODE_PROTOCOL';
}

/** A frame: the length of its body in four bytes, most significant first, then the body. */
export function encodeFrame(body: string): Buffer {
  const length = Buffer.byteLength(body);
  const frame = Buffer.allocUnsafe(lengthBytes + length);
  frame.writeUInt32BE(length);
  frame.write(body, lengthBytes);
  return frame;
}

/**
 * Cuts a stream of bytes into frame bodies. Holds at most one frame; reads on only when the one
 * before was taken, so a slow consumer slows the sender down. Ends with the stream.
 * @throws ProtocolError for a frame above the limit, before its body is read, and for a torn last one.
 */
export async function* readFrames(
  source: AsyncIterable<Buffer>,
  maxBodyBytes: number,
): AsyncGenerator<Buffer, void, undefined> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  for await (const bytes of source) {
    held.push(bytes);
    heldBytes += bytes.length;
    while (heldBytes >= lengthBytes) {
      // Joined once for the head and once for the frame: a peer that sends single bytes costs no more.
      if ((held[0]?.length ?? 0) < lengthBytes) held = [Buffer.concat(held)];
      const head = held[0] ?? empty;
      const end = lengthBytes + head.readUInt32BE();
      if (end - lengthBytes > maxBodyBytes) {
        throw new ProtocolError(
          `a frame of ${end - lengthBytes} bytes, at most ${maxBodyBytes} are taken`,
        );
      }
      if (heldBytes < end) break;
      const all = held.length === 1 && held[0] ? held[0] : Buffer.concat(held);
      held = [all.subarray(end)];
      heldBytes -= end;
      yield all.subarray(lengthBytes, end);
    }
  }
  if (heldBytes > 0) throw new ProtocolError('the connection ended inside a frame');
}
