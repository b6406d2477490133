import type { EventEmitter } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { WebSocket } from 'ws';
import { ContentCheck, contentAt } from './pattern.js';

/** How one piece of traffic ended. Being interrupted is what resets and restarts are for. */
export type Outcome = 'complete' | 'left' | 'interrupted';

/** Traffic that a client makes over and over. @throws if an answer was wrong. */
export type Traffic = (client: SoakClient) => Promise<Outcome>;

/** The gateway's own words for an upstream that is away. */
const unavailable = new Set([502, 503, 504]);

/** One of the soak's clients, with a connection of its own that it keeps. */
export class SoakClient {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });

  constructor(port: number) {
    this.#port = port;
  }

  close(): void {
    this.#agent.destroy();
  }

  open(path: string, options: { method?: string; length?: number; keep?: boolean } = {}) {
    const { method = 'GET', length, keep = true } = options;
    return request({
      host: '127.0.0.1',
      port: this.#port,
      servername: 'a.test',
      rejectUnauthorized: false,
      agent: keep ? this.#agent : false,
      method,
      path,
      headers: { host: 'a.test', ...(length === undefined ? {} : { 'content-length': length }) },
    });
  }

  /** A request on a connection of its own, and the socket below its TLS: only that one can be reset. */
  openResettable(path: string, length: number): { sent: ClientRequest; tcp: Socket } {
    const tcp = connectTcp(this.#port, '127.0.0.1');
    tcp.on('error', () => undefined); // the request's error tells
    const sent = request({
      method: 'PUT',
      path,
      headers: { host: 'a.test', 'content-length': length },
      createConnection: () =>
        connectTls({ socket: tcp, servername: 'a.test', rejectUnauthorized: false }),
    });
    return { sent, tcp };
  }

  webSocket(): WebSocket {
    return new WebSocket(`wss://127.0.0.1:${this.#port}/echo`, {
      rejectUnauthorized: false,
      headers: { host: 'a.test' },
    });
  }
}

function between(least: number, most: number): number {
  return least + Math.floor(Math.random() * (most - least));
}

/** The first of these events with its arguments. Unlike `once` of Node it does not reject at an error. */
function first(
  emitter: EventEmitter,
  ...names: string[]
): Promise<[name: string, args: unknown[]]> {
  return new Promise((resolve) => {
    const listeners = names.map((name) => {
      const listener = (...args: unknown[]) => {
        for (const [other, added] of listeners) emitter.off(other, added);
        resolve([name, args]);
      };
      emitter.on(name, listener);
      return [name, listener] as const;
    });
  });
}

/** The answer's head; `undefined` if there is none to be had right now. */
async function answerTo(sent: ClientRequest): Promise<IncomingMessage | undefined> {
  return await new Promise((resolve, reject) => {
    sent.on('error', () => resolve(undefined)); // also the errors that come after the head
    sent.once('response', (response) => {
      response.on('error', () => undefined); // `complete` tells whether it was cut
      if (response.statusCode === 200) {
        resolve(response);
      } else if (unavailable.has(response.statusCode ?? 0)) {
        response.resume().once('close', () => resolve(undefined));
      } else {
        reject(new Error(`status ${response.statusCode}`));
      }
    });
  });
}

/** @param leaveAfter bytes after which the client goes away. */
async function download(
  client: SoakClient,
  path: string,
  options: { length: number; keep?: boolean; leaveAfter?: number },
): Promise<Outcome> {
  const sent = client.open(path, { keep: options.keep ?? true });
  sent.end();
  const response = await answerTo(sent);
  if (response === undefined) return 'interrupted';
  const check = new ContentCheck();
  response.on('data', (piece: Buffer) => {
    check.add(piece);
    if (check.length > (options.leaveAfter ?? Number.POSITIVE_INFINITY)) sent.destroy();
  });
  await first(response, 'close');
  if (!check.isRight) throw new Error(`wrong content from ${path}`);
  if (options.leaveAfter !== undefined) return 'left';
  if (!response.complete) return 'interrupted';
  if (check.length !== options.length) throw new Error(`${check.length} bytes from ${path}`);
  return 'complete';
}

/**
 * Writes content until it is all written or the request has ended. An answer that comes earlier is waited
 * for as an end: Node's client then tells no more when it could go on.
 */
async function writeContent(sent: ClientRequest, length: number): Promise<void> {
  let isAnswered = false;
  sent.once('response', () => {
    isAnswered = true;
  });
  for (let written = 0; written < length && !sent.destroyed && !isAnswered; ) {
    const piece = contentAt(written, length - written);
    written += piece.length;
    if (!sent.write(piece)) await first(sent, 'drain', 'response', 'close');
  }
}

async function upload(client: SoakClient, length: number, chunked: boolean): Promise<Outcome> {
  const sent = client.open('/upload', { method: 'PUT', ...(chunked ? {} : { length }) });
  const answered = answerTo(sent);
  await writeContent(sent, length);
  sent.end();
  const response = await answered;
  if (response === undefined) {
    sent.destroy(); // an early refusal leaves the upload unfinished
    return 'interrupted';
  }
  let text = '';
  response.on('data', (piece: Buffer) => {
    text += piece.toString('latin1');
  });
  await first(response, 'close');
  if (!response.complete) return 'interrupted';
  if (text !== `${length}`) throw new Error(`upload of ${length} bytes was answered '${text}'`);
  return 'complete';
}

async function resetUpload(client: SoakClient): Promise<Outcome> {
  const { sent, tcp } = client.openResettable('/upload', 2_000_000);
  const answered = answerTo(sent);
  await writeContent(sent, between(1, 1_900_000));
  tcp.resetAndDestroy();
  sent.destroy();
  await answered;
  return 'left';
}

async function events(client: SoakClient, count: number, leaves: boolean): Promise<Outcome> {
  const sent = client.open(`/events/${leaves ? 1_000_000 : count}`);
  sent.end();
  const response = await answerTo(sent);
  if (response === undefined) return 'interrupted';
  let text = '';
  response.on('data', (piece: Buffer) => {
    text += piece.toString('latin1');
    if (leaves && text.includes(`data: ${count}\n`)) sent.destroy();
  });
  await first(response, 'close');
  const expected = Array.from({ length: count }, (_, n) => `data: ${n}\n\n`).join('');
  const common = Math.min(text.length, expected.length);
  if (text.slice(0, common) !== expected.slice(0, common)) throw new Error('events out of order');
  if (leaves) return 'left';
  return response.complete ? 'complete' : 'interrupted';
}

async function webSocket(client: SoakClient): Promise<Outcome> {
  const socket = client.webSocket();
  socket.on('error', () => undefined); // 'close' follows
  const [opened] = await first(socket, 'open', 'close');
  if (opened === 'close') return 'interrupted';
  for (let turn = between(1, 30); turn > 0; turn--) {
    const message = contentAt(between(0, 60_000), between(1, 60_000));
    const answered = first(socket, 'message', 'close');
    socket.send(message);
    const [name, [data]] = await answered;
    if (name === 'close') return 'interrupted';
    if (!(data instanceof Buffer && data.equals(message))) throw new Error('wrong echo');
  }
  const closed = first(socket, 'close');
  if (Math.random() < 0.2) socket.terminate();
  else socket.close(1000);
  await closed;
  return 'complete';
}

const ofRandomLength = (kind: 'bytes' | 'chunks', most: number): Traffic => {
  return (client) => {
    const length = between(0, most);
    return download(client, `/${kind}/${length}`, { length });
  };
};

/** What the clients do, one kind a client. */
export const traffics: Readonly<Record<string, Traffic>> = {
  'keep-alive': ofRandomLength('bytes', 4_000),
  'new connection': (client) => download(client, '/bytes/500', { length: 500, keep: false }),
  download: ofRandomLength('bytes', 2_000_000),
  'chunked download': ofRandomLength('chunks', 1_000_000),
  upload: (client) => upload(client, between(1, 1_500_000), false),
  'chunked upload': (client) => upload(client, between(1, 700_000), true),
  events: (client) => events(client, between(2, 40), false),
  'events, left': (client) => events(client, between(2, 20), true),
  WebSocket: webSocket,
  'download, left': (client) =>
    download(client, '/bytes/3000000', { length: 3e6, leaveAfter: between(1, 2_000_000) }),
  'upload, reset': resetUpload,
  'reset upstream': (client) => {
    const length = between(1, 300_000);
    return download(client, `/reset/${length}`, { length: 2 * length });
  },
};
