import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { WebSocketServer } from 'ws';
import { ContentCheck, contentAt } from './pattern.js';

const eventEveryMs = 250;

/**
 * The upstream of a soak, on one port that it leaves and takes again when it is restarted:
 * `/bytes/<n>` and `/chunks/<n>` send n bytes of content, `/reset/<n>` breaks off after them, `/events/<n>`
 * is a stream of n events, and everything else reads a body and says
 * how much of it came, or that it was wrong. WebSockets are echoed.
 */
export class SoakUpstream {
  #server: Server;
  port = 0;
  restarts = 0;

  private constructor() {
    this.#server = newServer();
  }

  static async start(): Promise<SoakUpstream> {
    const upstream = new SoakUpstream();
    await upstream.#listen();
    return upstream;
  }

  /** Cuts everything under way and is away for a moment. */
  async restart(awayMs: number): Promise<void> {
    await this.close();
    await new Promise((resolve) => setTimeout(resolve, awayMs));
    this.#server = newServer();
    await this.#listen();
    this.restarts++;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.emit('cut');
    await closed;
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new TypeError('no TCP address');
    this.port = address.port;
  }
}

function newServer(): Server {
  const server = createServer(answer);
  const webSockets = new WebSocketServer({ server });
  webSockets.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    socket.on('error', () => socket.terminate()); // the gateway closes as its clients do
  });
  server.on('cut', () => {
    for (const socket of webSockets.clients) socket.terminate();
    server.closeAllConnections();
  });
  return server;
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const [, kind = '', text = '0'] = (request.url ?? '').split('/');
  const amount = Number(text);
  switch (kind) {
    case 'bytes':
      response.setHeader('Content-Length', amount);
      send(response, amount, () => response.end());
      return;
    case 'chunks':
      send(response, amount, () => response.end());
      return;
    case 'reset':
      response.setHeader('Content-Length', amount * 2);
      send(response, amount, () => request.socket.resetAndDestroy());
      return;
    case 'events':
      sendEvents(response, amount);
      return;
    default:
      receive(request, response);
  }
}

function send(response: ServerResponse, total: number, done: () => void): void {
  let sent = 0;
  const next = () => {
    while (sent < total) {
      const piece = contentAt(sent, total - sent);
      sent += piece.length;
      if (!response.write(piece)) {
        response.once('drain', next);
        return;
      }
    }
    done();
  };
  next();
}

function sendEvents(response: ServerResponse, count: number): void {
  response.setHeader('Content-Type', 'text/event-stream');
  let sent = 0;
  const timer = setInterval(() => {
    response.write(`data: ${sent++}\n\n`);
    if (sent < count) return;
    clearInterval(timer);
    response.end();
  }, eventEveryMs);
  response.once('close', () => clearInterval(timer));
}

function receive(request: IncomingMessage, response: ServerResponse): void {
  const check = new ContentCheck();
  request.on('data', (piece: Buffer) => check.add(piece));
  request.once('end', () => response.end(check.isRight ? `${check.length}` : 'wrong'));
}
