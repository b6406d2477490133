import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** What a client read off one connection. */
export interface RawResponse {
  readonly status: number;
  readonly statusLine: string;
  /** Lower-case names; several of one name joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly rawHead: string;
  readonly body: Buffer;
}

/** A client that sends exact bytes and takes what comes. */
export class RawClient {
  readonly socket: Socket;
  #buffer = Buffer.alloc(4096);
  #start = 0;
  #end = 0;
  #ended = false;
  #failure: Error | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (data) => {
      this.#append(data);
      this.#check();
    });
    socket.on('error', (error) => {
      this.#failure = error;
    });
    socket.on('close', () => {
      this.#ended = true;
      this.#check();
    });
  }

  static async plain(port: number): Promise<RawClient> {
    const socket = connect(port, '127.0.0.1');
    const client = new RawClient(socket);
    await new Promise((resolve) => socket.once('connect', resolve));
    return client;
  }

  static async tls(port: number, servername: string): Promise<RawClient> {
    const socket = connectTls({ port, host: '127.0.0.1', servername, rejectUnauthorized: false });
    const client = new RawClient(socket);
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    return client;
  }

  get received(): Buffer {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  get isClosed(): boolean {
    return this.#ended;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  send(data: string | Buffer): void {
    if (typeof data === 'string') this.socket.write(data, 'latin1');
    else this.socket.write(data);
  }

  /** Resolves when `condition` holds; looked at after every read and at the end. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!condition()) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
      check();
    });
  }

  closed(): Promise<void> {
    return this.until(() => this.#ended);
  }

  /** Takes the next whole response off what was received; `undefined` if the connection ended first. */
  async response(toHead = false): Promise<RawResponse | undefined> {
    let parsed: { response: RawResponse; length: number } | undefined;
    const chunks: Chunks = { found: [], next: 0 };
    await this.until(() => {
      parsed = parse(this.received, this.#ended, toHead, chunks);
      return parsed !== undefined || this.#ended;
    });
    if (parsed === undefined) return undefined;
    this.#start += parsed.length;
    return parsed.response;
  }

  close(): void {
    this.socket.destroy();
  }

  /** Doubles its room when it is full: answers of many megabytes come in thousands of pieces. */
  #append(data: Buffer): void {
    if (this.#end + data.length > this.#buffer.length) {
      const held = this.received;
      const room = Math.max(2 * held.length, held.length + data.length);
      // What was handed out are views of the old buffer: it must not be moved within.
      this.#buffer = Buffer.concat([held], room);
      this.#start = 0;
      this.#end = held.length;
    }
    data.copy(this.#buffer, this.#end);
    this.#end += data.length;
  }

  #check(): void {
    for (const check of [...this.#waiting]) check();
  }
}

/** What was read of a chunked body so far: big ones come in thousands of reads, each looked at once. */
interface Chunks {
  readonly found: { readonly start: number; readonly end: number }[];
  /** Where the next size is expected; 0 before the first look. */
  next: number;
}

function parse(data: Buffer, ended: boolean, toHead: boolean, chunks: Chunks) {
  const end = data.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const rawHead = data.toString('latin1', 0, end);
  const [statusLine = '', ...lines] = rawHead.split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  }
  const status = Number(statusLine.split(' ')[1]);
  const response = (body: Buffer, length: number) => ({
    response: { status, statusLine, headers, rawHead, body },
    length,
  });
  const start = end + 4;
  if (toHead || status < 200 || status === 204 || status === 304) {
    return response(Buffer.alloc(0), start);
  }
  if (headers['transfer-encoding'] === 'chunked') {
    for (;;) {
      const at = Math.max(start, chunks.next);
      const lineEnd = data.indexOf('\r\n', at);
      if (lineEnd === -1) return undefined;
      const line = data.toString('latin1', at, lineEnd);
      if (!/^[0-9a-f]{1,8}$/i.test(line)) {
        throw new Error(`not a chunk size at byte ${at}: ${JSON.stringify(line.slice(0, 80))}`);
      }
      const size = Number.parseInt(line, 16);
      const chunkEnd = lineEnd + 2 + size;
      if (data.length < chunkEnd + 2) return undefined;
      chunks.found.push({ start: lineEnd + 2, end: chunkEnd });
      chunks.next = chunkEnd + 2;
      if (size > 0) continue;
      const pieces = chunks.found.map((chunk) => data.subarray(chunk.start, chunk.end));
      return response(Buffer.concat(pieces), chunks.next);
    }
  }
  if (headers['content-length'] !== undefined) {
    const length = Number(headers['content-length']);
    if (data.length < start + length) return undefined;
    return response(data.subarray(start, start + length), start + length);
  }
  return ended ? response(data.subarray(start), data.length) : undefined;
}
