import { once } from 'node:events';
import type { FastifyReply } from 'fastify';

const heartbeatMs = 15_000;

/** An answer of server-sent events, from its head to its end. */
export class ServerSentStream {
  /** Aborts once the client has gone or the server closes. */
  readonly ended: AbortSignal;
  readonly #out: FastifyReply['raw'];
  readonly #heartbeat: NodeJS.Timeout;

  /** @param closing aborts when the server closes */
  constructor(reply: FastifyReply, closing: AbortSignal) {
    const out = reply.raw;
    const gone = new AbortController();
    out.on('close', () => gone.abort());
    this.ended = AbortSignal.any([gone.signal, closing]);
    this.#out = out;
    reply.hijack();
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      if (value !== undefined) out.setHeader(name, value);
    }
    out.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    // Without a first byte a client would not know that it is connected.
    out.write(': connected\n\n');
    this.#heartbeat = setInterval(() => out.write(': still here\n\n'), heartbeatMs);
  }

  /** Sends one event. Resolves once the client takes more, or the stream has ended. */
  async send(frame: string): Promise<void> {
    if (this.#out.write(frame)) return;
    try {
      await once(this.#out, 'drain', { signal: this.ended });
    } catch (error) {
      // Whoever sends looks at the signal next.
      if (!this.ended.aborted) throw error;
    }
  }

  close(): void {
    clearInterval(this.#heartbeat);
    this.#out.end();
  }
}
