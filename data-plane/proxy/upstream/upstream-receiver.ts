import type { ProxyErrorKind } from '../proxy-error.js';
import type { ResponseHead } from './response-head.js';

/** Why a connection is gone, or was not made. */
export interface ConnectionFailure {
  readonly kind: ProxyErrorKind;
  readonly detail: string;
  /** Address and port of the connection, where there was one. */
  readonly peer?: string | undefined;
}

/** The exchange that a connection serves right now. */
export interface UpstreamReceiver {
  /**
   * Wraps everything that one read leads to, so that it can be sent on as one write.
   * @param readAt when: nobody has to ask the clock again.
   */
  batch(events: () => void, readAt: number): void;
  head(head: ResponseHead): void;
  /** A view that is overwritten by the next read. */
  body(piece: Buffer): void;
  /** Everything that one read brought has been handed over, and the response is not whole. */
  settled(): void;
  /** The response is whole. The connection is already given back, or closed. */
  complete(): void;
  upgraded(head: ResponseHead, rest: Buffer): void;
  /** What was written has been taken by the kernel. */
  drained(): void;
  /** The connection is gone; nothing is called afterwards. */
  failed(failure: ConnectionFailure): void;
}

/**
 * Who speaks the protocol that a connection was upgraded to. Not told when the kernel has taken what was
 * written: whatever waits is in `writableLength`.
 */
export interface TunnelReceiver {
  /** A view that is overwritten by the next read. */
  tunnelled(piece: Buffer): void;
  /** The connection is gone; nothing is called afterwards. */
  failed(failure: ConnectionFailure): void;
}
