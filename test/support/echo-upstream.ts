import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the upstream says it received, as JSON. */
export interface Echo {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

/** An upstream on loopback that answers every request with what it received. */
export class EchoUpstream {
  readonly #server: Server;
  readonly url: string;
  requests = 0;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static start(): Promise<EchoUpstream> {
    const server = createServer({ keepAliveTimeout: 30_000 });
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => {
        const upstream = new EchoUpstream(server);
        upstream.#answer();
        resolve(upstream);
      });
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #answer(): void {
    this.#server.on('request', (request, response) => {
      this.requests++;
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      request.once('end', () => {
        const { method = '', url = '', headers } = request;
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ method, url, headers, body } satisfies Echo));
      });
    });
  }
}
