import type { HttpResponse } from 'uWebSockets.js';
import { peerAddressText } from '../proxy/client/peer-address.js';

/**
 * The address that all clients connected to an app have in common: those behind a balancer have, and a
 * service's only caller. The engine does not tell which connection a request came on, and to be asked for the
 * address takes a system call and an `ArrayBuffer` each time: a fourteenth of what a small request costs.
 */
export class SolePeer {
  #connections = 0;
  #address: string | undefined;
  #hasOthers = false;

  /** `undefined`: the engine must be asked, for each request. */
  get address(): string | undefined {
    return this.#hasOthers ? undefined : this.#address;
  }

  /** To be called when a connection opens, before its first request. */
  joined(connection: Pick<HttpResponse, 'getRemoteAddress'>): void {
    this.#connections += 1;
    if (this.#hasOthers) return;
    const bytes = connection.getRemoteAddress();
    // Of a connection that is reset already, or of the thread's own test handshakes over a Unix socket:
    // no client's request comes on either.
    if (bytes.byteLength === 0) return;
    const address = peerAddressText(bytes);
    this.#address ??= address;
    this.#hasOthers = address !== this.#address;
  }

  /** To be called once for each connection that joined, when no request can come on it any more. */
  left(): void {
    this.#connections -= 1;
    if (this.#connections > 0) return;
    this.#address = undefined;
    this.#hasOthers = false;
  }
}
