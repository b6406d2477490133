import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Hands TCP connections out in turn; a target that does not answer is passed over. TLS ends behind it. */
export class Balancer {
  readonly #server: Server;
  readonly #targets: readonly number[];
  readonly #sockets = new Set<Socket>();
  #next = 0;

  /** @param targets ports on loopback. */
  constructor(targets: readonly number[]) {
    this.#targets = targets;
    this.#server = createServer((client) => this.#accept(client, targets.length));
  }

  /** @returns the port. */
  async listen(port: number): Promise<number> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new TypeError('no TCP address');
    return address.port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(client: Socket, triesLeft: number): void {
    const port = this.#targets[this.#next++ % this.#targets.length];
    if (port === undefined || triesLeft === 0) {
      client.destroy();
      return;
    }
    const node = connect(port, '127.0.0.1');
    let isConnected = false;
    node.once('connect', () => {
      isConnected = true;
      client.pipe(node).pipe(client);
    });
    node.on('error', () => {
      if (isConnected) client.destroy();
      else this.#accept(client, triesLeft - 1);
    });
    client.on('error', () => node.destroy());
    client.once('close', () => node.destroy());
    for (const socket of [client, node]) {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    }
  }
}
