import type { HttpResponse } from 'uWebSockets.js';
import type { ListenerGateway } from '../proxy/gateway.js';
import { WebSocketRoute } from '../proxy/web-socket/web-socket-route.js';
import type { ConnectionLimit } from './connection-limit.js';
import { type AppDescriptor, createHttpApp, type EngineApp } from './engine.js';
import { SolePeer } from './sole-peer.js';

/** The plain side of one worker: one app for the thread's whole life. */
export class HttpListener {
  readonly descriptor: AppDescriptor;
  readonly #app: EngineApp = createHttpApp();
  readonly #limit: ConnectionLimit;
  readonly #solePeer = new SolePeer();
  #connections = 0;
  #accepted = 0;

  /** @param port as clients see it. */
  constructor(gateway: ListenerGateway, limit: ConnectionLimit, port: number) {
    this.#limit = limit;
    this.descriptor = this.#app.getDescriptor();
    // A WebSocket stays one of the connections until it closes.
    const webSocket = new WebSocketRoute((change) => {
      if (change < 0) this.#closed();
    });
    const downstream = {
      scheme: 'http',
      port,
      serverName: undefined,
      solePeer: this.#solePeer,
      webSocket,
    } as const;
    this.#app.ws('/*', gateway.webSocketBehavior(webSocket, downstream));
    this.#app.any('/*', (res, req) => gateway.handle(res, req, downstream));
    this.#app.filter((connection, change) => this.#track(connection, Number(change)));
  }

  get connections(): number {
    return this.#connections;
  }

  /** Connections ever taken. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Cuts all connections. Must have been called before the thread ends. */
  close(): void {
    this.#app.close();
  }

  #track(connection: HttpResponse, change: number): void {
    if (change < 0) {
      this.#closed();
      return;
    }
    this.#connections += 1;
    this.#accepted += 1;
    this.#solePeer.joined(connection);
    this.#limit.opened(connection);
  }

  #closed(): void {
    this.#connections -= 1;
    this.#solePeer.left();
    this.#limit.closed();
  }
}
