import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { TLSSocket } from 'node:tls';

/**
 * One TLS connection that is held open over many requests. A server that replaces a listener may ask
 * for a new one, politely: an answer with `Connection: close`. Anything else that ends it is a loss.
 */
export class KeptConnection {
  readonly #port: number;
  readonly #host: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
  #socket: TLSSocket | undefined;
  #isCloseAnnounced = false;
  #lost = 0;
  #leaf = '';

  constructor(port: number, host: string) {
    this.#port = port;
    this.#host = host;
  }

  /** How often the connection was gone without the server having announced it. */
  get lost(): number {
    return this.#lost;
  }
  /** SHA-256 of the leaf that the connection in use was opened with. */
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
          this.#note(response);
          response.resume();
          response.once('end', () => resolve(response.statusCode ?? 0));
          response.once('error', reject);
        },
      );
      outgoing.once('error', reject);
      outgoing.end();
    });
  }

  #note(response: IncomingMessage): void {
    // An https agent makes TLS sockets.
    const socket = response.socket as TLSSocket;
    if (socket !== this.#socket) {
      if (this.#socket !== undefined && !this.#isCloseAnnounced) this.#lost++;
      this.#socket = socket;
      this.#leaf = createHash('sha256').update(socket.getPeerCertificate().raw).digest('hex');
    }
    this.#isCloseAnnounced = response.headers.connection?.toLowerCase() === 'close';
  }

  close(): void {
    this.#agent.destroy();
  }
}
