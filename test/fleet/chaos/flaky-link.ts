import { once } from 'node:events';
import { createServer, type Server, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** `cut` breaks connections and takes none; `hold` keeps them and all their bytes until it is over. */
export type LinkMode = 'pass' | 'slow' | 'hold' | 'cut';

/** What lies between a node and its control plane: passes bytes on, late, or not at all. */
export class FlakyLink {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #slowMs: () => number;
  #address: Promise<{ host: string; port: number }> | undefined;
  #target = 0;
  #mode: LinkMode = 'pass';

  /** @param slowMs how long each piece of bytes waits on a slow link. */
  constructor(slowMs: () => number) {
    this.#slowMs = slowMs;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** The same address each time. */
  listen(): Promise<{ host: string; port: number }> {
    this.#address ??= this.#listen();
    return this.#address;
  }

  async #listen(): Promise<{ host: string; port: number }> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new TypeError('no TCP address');
    return { host: '127.0.0.1', port: address.port };
  }

  /** Where new connections lead. */
  set target(port: number) {
    this.#target = port;
  }

  set mode(mode: LinkMode) {
    this.#mode = mode;
    if (mode === 'cut') this.#destroyAll();
  }

  close(): void {
    this.#server.close();
    this.#destroyAll();
  }

  #accept(downstream: Socket): void {
    if (this.#mode === 'cut') {
      downstream.destroy();
      return;
    }
    const upstream = new Socket();
    for (const socket of [downstream, upstream]) {
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.once('close', () => {
        this.#sockets.delete(socket);
        downstream.destroy();
        upstream.destroy();
      });
    }
    upstream.connect(this.#target, '127.0.0.1');
    void this.#carry(downstream, upstream);
    void this.#carry(upstream, downstream);
  }

  async #carry(from: Socket, to: Socket): Promise<void> {
    try {
      for await (const bytes of from) {
        while (this.#mode === 'hold') await delay(5);
        if (this.#mode === 'slow') await delay(this.#slowMs());
        if (!to.write(bytes)) await once(to, 'drain');
      }
    } catch {
      // The connection broke, which is what this is for; both sides are destroyed on close.
    }
    to.end();
  }

  #destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
