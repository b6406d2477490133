import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';

export interface PacedRequests {
  /** Sends so many requests, so many a second over all connections. @returns their latencies, ms. */
  run(requests: number, perSecond: number): Promise<number[]>;
  close(): void;
}

const request = 'GET / HTTP/1.1\r\nHost: no-api.test\r\n\r\n';

/**
 * Requests at a fixed pace over TLS connections that are kept, timed in microseconds (autocannon counts
 * whole milliseconds, too coarse for the tail of an idle gateway). An answer that comes late counts from
 * when its request was due, so a stall is not left out.
 */
export async function connectPaced(port: number, connections: number): Promise<PacedRequests> {
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const options = { port, host: '127.0.0.1', servername: 'no-api.test' };
      // The default certificate is self-signed; who answers is not what is measured.
      const socket = connect({ ...options, rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      return socket.setNoDelay();
    }),
  );
  return {
    async run(requests, perSecond) {
      const startedAt = performance.now();
      const latenciesMs: number[] = [];
      let issued = 0;
      const client = async (socket: TLSSocket) => {
        while (issued < requests) {
          const dueAt = startedAt + (issued++ / perSecond) * 1_000;
          const waitMs = dueAt - performance.now();
          if (waitMs > 0) await delay(waitMs);
          const sentAt = waitMs > 0 ? performance.now() : dueAt;
          const answered = once(socket, 'data');
          socket.write(request);
          const [answer] = (await answered) as [Buffer];
          if (!answer.subarray(0, 12).equals(expected)) throw new Error('another answer');
          latenciesMs.push(performance.now() - sentAt);
        }
      };
      await Promise.all(sockets.map(client));
      return latenciesMs;
    },
    close() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

const expected = Buffer.from('HTTP/1.1 404');
