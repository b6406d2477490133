import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { readFrames } from './frame-codec.js';

/** A TLS connection that carries frames; says nothing of what is in them. */
export interface FrameSocket {
  readonly isOpen: boolean;
  /** Bodies of the frames that arrive, until the peer ends; reads on only when one was taken. */
  frames(maxBodyBytes: number): AsyncIterable<Buffer>;
  /** Resolves when the connection can take more: so much and no more is held for a slow peer. */
  send(frame: Buffer): Promise<void>;
  /** For what may be left out: nothing is queued for a peer that is behind. */
  sendIfIdle(frame: Buffer): void;
  /** Sends a last frame and closes once it is out, or after a second. */
  end(frame?: Buffer): void;
  destroy(): void;
}

const lingerMs = 1000;

/** Errors of the socket end `frames` and `send`; there is no other way to hear of them. */
export function frameSocket(socket: TLSSocket): FrameSocket {
  socket.setNoDelay(true);
  // Whoever reads or writes gets the error from there; without a listener it would end the process.
  socket.on('error', () => socket.destroy());
  const closed = new AbortController();
  socket.once('close', () => closed.abort());
  return {
    get isOpen() {
      return !socket.destroyed && socket.writable;
    },
    // Whoever stops reading may still have something to send.
    frames: (maxBodyBytes) => readFrames(socket.iterator({ destroyOnReturn: false }), maxBodyBytes),
    async send(frame) {
      if (!socket.writable) throw new ConnectionClosedError();
      if (socket.write(frame)) return;
      try {
        await once(socket, 'drain', { signal: closed.signal });
      } catch {
        throw new ConnectionClosedError();
      }
    },
    sendIfIdle(frame) {
      if (socket.writable && !socket.writableNeedDrain) socket.write(frame);
    },
    end(frame) {
      if (frame && socket.writable) socket.end(frame);
      else socket.end();
      // Bytes left unread would make the close a reset, which can overtake the frame.
      socket.resume();
      setTimeout(() => socket.destroy(), lingerMs).unref();
    },
    destroy: () => void socket.destroy(),
  };
}

/** The peer is gone. Not a fault: connections end. */
export class ConnectionClosedError extends Error {
  constructor() {
    super('the connection is closed');
  }
}
