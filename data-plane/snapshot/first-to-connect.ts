import type { TLSSocket } from 'node:tls';
import type { Address } from './control-plane-connection.js';

export interface ConnectRace {
  /** @param signal ends the attempt: somebody else was faster. */
  connect(address: Address, signal: AbortSignal): Promise<TLSSocket>;
  /** An address was tried in vain, or did not answer until a later one had. */
  failed(address: Address, error: unknown): void;
  /** Ends the race. */
  readonly signal: AbortSignal;
}

export interface Connected {
  readonly address: Address;
  readonly socket: TLSSocket;
}

/** As RFC 8305 §8 recommends it. */
const nextAfterMs = 250;

/**
 * Connects to whichever control plane answers first. Addresses are raced (RFC 8305 §5): one that fails,
 * or has not answered for a while, is joined by the next, and the first that connects ends the others.
 *
 * @param addresses the preferred one first.
 * @returns `undefined` if none connects. Never rejects.
 */
export function firstToConnect(
  addresses: Iterable<Address>,
  { connect, failed, signal }: ConnectRace,
): Promise<Connected | undefined> {
  const untried = [...addresses];
  /** In the order in which they were begun. */
  const running = new Set<Address>();
  const over = new AbortController();
  const ended = AbortSignal.any([signal, over.signal]);
  let timer: NodeJS.Timeout | undefined;
  return new Promise((resolve) => {
    const finish = (winner: Connected | undefined) => {
      clearTimeout(timer);
      over.abort();
      resolve(winner);
    };
    const tryNext = () => {
      clearTimeout(timer);
      const address = signal.aborted ? undefined : untried.shift();
      if (address === undefined) {
        if (running.size === 0) finish(undefined);
        return;
      }
      running.add(address);
      timer = setTimeout(tryNext, nextAfterMs);
      connect(address, ended).then(
        (socket) => connected({ address, socket }),
        (error: unknown) => disconnected(address, error),
      );
    };
    const connected = (winner: Connected) => {
      if (over.signal.aborted) {
        winner.socket.destroy(); // two answered in one instant
        return;
      }
      for (const address of running) {
        if (address === winner.address) break;
        failed(address, new Error('no answer until another control plane had given one'));
      }
      finish(winner);
    };
    const disconnected = (address: Address, error: unknown) => {
      if (over.signal.aborted) return;
      running.delete(address);
      if (!signal.aborted) failed(address, error);
      tryNext();
    };
    tryNext();
  });
}
