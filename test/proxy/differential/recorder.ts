import { createServer, type Server, type Socket } from 'node:net';

/** One request as an upstream understood it. */
export interface Recorded {
  readonly method: string;
  readonly target: string;
  readonly body: string;
}

/**
 * An upstream that reads requests as strictly as RFC 9112 allows, records them by the case that
 * their target names, and answers each. Anything else is a fault: the proxy in front must not let it
 * through.
 */
export class Recorder {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #byCase = new Map<number, Recorded[]>();
  readonly faults: string[] = [];
  port = 0;

  constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      let pending = '';
      socket.on('error', () => socket.destroy());
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('data', (data) => {
        pending += data.toString('latin1');
        for (;;) {
          const read = readRequest(pending);
          if (read === 'incomplete') return;
          if (typeof read === 'string') {
            this.faults.push(`${read}: ${JSON.stringify(pending.slice(0, 200))}`);
            socket.destroy();
            return;
          }
          pending = pending.slice(read.length);
          this.#record(read.request);
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        }
      });
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    this.port = address.port;
  }

  of(id: number): readonly Recorded[] {
    return this.#byCase.get(id) ?? [];
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #record(request: Recorded): void {
    const id = Number(/c([0-9]+)/.exec(request.target)?.[1] ?? -1);
    this.#byCase.set(id, [...this.of(id), request]);
  }
}

const head =
  /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (\S+) HTTP\/1\.[01]\r\n((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*\r\n)*)\r\n/;

function readRequest(text: string) {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return 'incomplete';
  const match = head.exec(text);
  if (match === null) return 'malformed head';
  const fields = (match[3] ?? '').split('\r\n').map((line) => line.toLowerCase());
  const values = (name: string) =>
    fields
      .filter((field) => field.startsWith(`${name}:`))
      .map((f) => f.slice(name.length + 1).trim());
  const lengths = values('content-length');
  const codings = values('transfer-encoding');
  if (lengths.length + codings.length > 1) return 'ambiguous framing';
  if (lengths[0] !== undefined && !/^[0-9]+$/.test(lengths[0])) return 'malformed length';
  if (codings[0] !== undefined && codings[0] !== 'chunked') return 'unknown coding';
  if (values('host').length > 1) return 'more than one Host';
  const start = match[0].length;
  const request = { method: match[1] ?? '', target: match[2] ?? '' };
  if (codings.length === 0) {
    const length = Number(lengths[0] ?? 0);
    if (text.length < start + length) return 'incomplete';
    const body = text.slice(start, start + length);
    return { request: { ...request, body }, length: start + length };
  }
  let at = start;
  let body = '';
  for (;;) {
    const line = /^([0-9a-f]+)\r\n/i.exec(text.slice(at, at + 20));
    if (line === null) return text.length < at + 20 ? 'incomplete' : 'malformed chunk';
    const size = Number.parseInt(line[1] ?? '', 16);
    at += line[0].length;
    if (text.length < at + size + 2) return 'incomplete';
    body += text.slice(at, at + size);
    at += size + 2;
    if (size === 0) return { request: { ...request, body }, length: at };
  }
}
