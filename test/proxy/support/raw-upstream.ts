import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

/** One connection that a gateway made to a test's upstream. */
export interface UpstreamSide {
  readonly socket: Socket;
  /** Everything received so far, bytes as latin1. */
  received(): string;
}

/** Called with every connection; `onData` whenever more has come. */
export type Behaviour = (side: UpstreamSide) => ((side: UpstreamSide) => void) | undefined;

/** An upstream that does exactly what a test says, byte by byte. */
export class RawUpstream {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #sides: UpstreamSide[] = [];
  port = 0;

  private constructor(behaviour: Behaviour, tls: TlsOptions | undefined) {
    const onConnection = (socket: Socket) => {
      let received = '';
      const side = { socket, received: () => received };
      this.#sockets.add(socket);
      this.#sides.push(side);
      socket.on('close', () => this.#sockets.delete(socket));
      // Gateways cut connections on purpose; tests look at the gateway's side.
      socket.on('error', () => socket.destroy());
      const onData = behaviour(side);
      socket.on('data', (data) => {
        received += data.toString('latin1');
        onData?.(side);
      });
    };
    this.#server =
      tls === undefined ? createServer(onConnection) : createTlsServer(tls, onConnection);
  }

  static async start(behaviour: Behaviour, tls?: TlsOptions): Promise<RawUpstream> {
    const upstream = new RawUpstream(behaviour, tls);
    await new Promise<void>((resolve) => {
      upstream.#server.listen(0, '127.0.0.1', resolve);
    });
    const address = upstream.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    upstream.port = address.port;
    return upstream;
  }

  /** Answers every complete head with the same bytes. */
  static answering(response: string | Buffer): Promise<RawUpstream> {
    return RawUpstream.start(() => {
      let answered = 0;
      return ({ socket, received }) => {
        const heads = received().split('\r\n\r\n').length - 1;
        for (; answered < heads; answered++) socket.write(response, 'latin1');
      };
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Connections ever made, oldest first. */
  get sides(): readonly UpstreamSide[] {
    return this.#sides;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
