import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { integer, oneOf, type Random, seededRandom } from '../support/random.js';
import { request } from '../tls/support/client.js';
import { mint } from '../tls/support/mint.js';
import { TestNode } from '../tls/support/test-node.js';

const host = 'a.test';
const addresses = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
const steps = 400;

interface Client {
  readonly address: string;
  readonly socket: Socket;
}

/** Clients that come and go, from one address for a while and then from several; one worker. */
class Clients {
  readonly #node: TestNode;
  readonly #random: Random;
  readonly #webSockets: WebSocket[] = [];
  #open: Client[] = [];
  #addresses: readonly string[] = addresses;

  constructor(node: TestNode, random: Random) {
    this.#node = node;
    this.#random = random;
  }

  get count(): number {
    return this.#open.length;
  }

  async connect(): Promise<void> {
    const address = oneOf(this.#random, this.#addresses);
    const from = { host: '127.0.0.1', localAddress: address };
    const isTls = this.#random() < 0.7;
    const socket = isTls
      ? connectTls({
          ...from,
          port: this.#node.httpsPort,
          rejectUnauthorized: false,
          ...(this.#random() < 0.8 && { servername: host }),
        })
      : connectPlain({ ...from, port: this.#node.httpPort });
    await once(socket, isTls ? 'secureConnect' : 'connect');
    this.#open.push({ address, socket });
  }

  /** @returns whose request it was, and how often. */
  async ask(): Promise<string[]> {
    const client = oneOf(this.#random, this.#open);
    const asked: string[] = [];
    for (let times = 1 + integer(this.#random, 3); times > 0; times--) {
      // Both kinds are written and read alike.
      const answer = await request(client.socket as TLSSocket, host);
      expect(answer.status).toBe(200);
      asked.push(client.address);
      if (!answer.closes) continue;
      this.#leave(client);
      break;
    }
    return asked;
  }

  close(): void {
    this.#leave(oneOf(this.#random, this.#open));
  }

  /** From now on all come from as few addresses as this. */
  closeAll(): void {
    for (const client of [...this.#open]) this.#leave(client);
    this.#addresses = addresses.slice(integer(this.#random, addresses.length));
  }

  async openWebSocket(): Promise<void> {
    const socket = new WebSocket(`wss://127.0.0.1:${this.#node.httpsPort}/`, {
      headers: { host },
      rejectUnauthorized: false,
      localAddress: oneOf(this.#random, this.#addresses),
    });
    await once(socket, 'open');
    this.#webSockets.push(socket);
  }

  closeWebSockets(): void {
    for (const socket of this.#webSockets.splice(0)) socket.terminate();
  }

  #leave(client: Client): void {
    this.#open = this.#open.filter((other) => other !== client);
    client.socket.destroy();
  }
}

describe('an upstream is told the address of each client', () => {
  it.each([1, 2, 3])('whoever else is connected, comes and goes (seed %i)', async (seed) => {
    const random = seededRandom(seed);
    const node = await TestNode.start({ settings: { workers: 1 } });
    await node.bind(1, host, await mint(host));
    const told: unknown[] = [];
    node.upstream.on('request', ({ headers }) => void told.push(headers['x-real-ip']));
    const webSockets = new WebSocketServer({ server: node.upstream });
    const clients = new Clients(node, random);
    const asked: string[] = [];
    try {
      for (let step = 0; step < steps; step++) {
        const dice = random();
        if (clients.count === 0 || dice < 0.25) await clients.connect();
        else if (dice < 0.8) asked.push(...(await clients.ask()));
        else if (dice < 0.92) clients.close();
        else if (dice < 0.96) clients.closeAll();
        else if (dice < 0.975) await clients.openWebSocket();
        else if (dice < 0.985) clients.closeWebSockets();
        else await node.bind(1, host, await mint(host));
      }
      expect(told).toEqual(asked);
      expect(asked.length).toBeGreaterThan(steps / 4);
    } finally {
      clients.closeAll();
      clients.closeWebSockets();
      webSockets.close();
    }
  });
});
