import {
  type us_listen_socket,
  us_listen_socket_close,
  us_socket_local_port,
} from 'uWebSockets.js';
import { formatListenAddress, type ListenAddress } from '../../shared/listen-address.js';
import {
  type AppDescriptor,
  createHttpApp,
  createTlsApp,
  type EngineApp,
} from '../listener/engine.js';

/** The engine exports it as LIBUS_LISTEN_EXCLUSIVE_PORT, but types it as a member of an enum that isn't there. */
const exclusivePort = 1;

/**
 * Owns one listen socket, in the main thread of a serving process, and hands each connection to the
 * next child app, round robin. The socket lives as long as the process: closing one of several that
 * share a port resets the connections queued on it, a worker's end does not.
 */
export class Acceptor {
  readonly #app: EngineApp;
  readonly #children = new Set<AppDescriptor>();
  #listening: us_listen_socket | undefined;

  /** @param ciphers of a TLS acceptor; `undefined` makes a plain one. */
  constructor(ciphers: string | undefined) {
    // Without a child the acceptor serves connections itself: with TLS the handshake fails, as there
    // is no certificate; in plain the answer says to come again.
    this.#app = ciphers === undefined ? createHttpApp() : createTlsApp(undefined, ciphers);
    this.#app.any('/*', (res) => {
      res.onAborted(() => {});
      res.writeStatus('503 Service Unavailable').end('', true);
    });
  }

  /**
   * @returns the port.
   * @throws Error if the address can't be had.
   */
  listen(address: ListenAddress, isSharing: boolean): number {
    const { host, port } = address;
    // By default the engine shares a port with anybody of the same user: a second gateway would
    // silently get half of the connections.
    const options = isSharing ? 0 : exclusivePort;
    // There, but not typed: host and options together.
    const listen = this.#app.listen as unknown as (
      ...args: [string, number, number, (listening: us_listen_socket | false) => void]
    ) => void;
    listen.call(this.#app, host, port, options, (listening) => {
      if (listening) this.#listening = listening;
    });
    if (this.#listening === undefined) {
      throw new Error(
        `can't listen on ${formatListenAddress(address)}: in use, not an address of this machine, or not permitted`,
      );
    }
    // A listen socket is a socket as far as its port goes; the types keep them apart.
    return us_socket_local_port(this.#listening as Parameters<typeof us_socket_local_port>[0]);
  }

  add(child: AppDescriptor): void {
    if (this.#children.has(child)) return; // a second time would be a second turn
    this.#children.add(child);
    this.#app.addChildAppDescriptor(child);
  }

  /** Must have been called before the child's thread ends: a stale one is a dangling pointer. */
  remove(child: AppDescriptor): void {
    if (this.#children.delete(child)) this.#app.removeChildAppDescriptor(child);
  }

  /** New connections are refused from now on. */
  stopListening(): void {
    if (this.#listening === undefined) return;
    us_listen_socket_close(this.#listening);
    this.#listening = undefined; // a closed one is a stale pointer
  }

  close(): void {
    this.stopListening();
    this.#app.close();
  }
}
