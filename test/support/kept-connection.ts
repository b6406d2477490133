import { createHash } from 'node:crypto';
import { Agent, request } from 'node:https';
import type { TLSSocket } from 'node:tls';

/** One TLS connection that is held open over many requests: it must survive every change. */
export class KeptConnection {
  readonly #port: number;
  readonly #host: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
  readonly #sockets = new Set<unknown>();
  #leaf = '';

  constructor(port: number, host: string) {
    this.#port = port;
    this.#host = host;
  }

  /** How many connections the requests so far needed: 1, unless the server closed one. */
  get connections(): number {
    return this.#sockets.size;
  }
  /** SHA-256 of the leaf that the connection was opened with. */
  get leaf(): string {
    return this.#leaf;
  }

  /** @returns the status of `GET path`. */
  get(path = '/'): Promise<number> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          agent: this.#agent,
          host: '127.0.0.1',
          port: this.#port,
          path,
          servername: this.#host,
          headers: { host: this.#host },
        },
        (response) => {
          const socket = response.socket as TLSSocket;
          if (!this.#sockets.has(socket)) {
            this.#sockets.add(socket);
            this.#leaf = createHash('sha256').update(socket.getPeerCertificate().raw).digest('hex');
          }
          response.resume();
          response.once('end', () => resolve(response.statusCode ?? 0));
          response.once('error', reject);
        },
      );
      outgoing.once('error', reject);
      outgoing.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
