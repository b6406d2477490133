import type { TLSSocket } from 'node:tls';
import type { Client } from 'autocannon';

/**
 * The parts of autocannon's client that its types leave out. autocannon can reconnect after a request,
 * but then neither counts nor times the answer that it reconnects after; `perConnection` reports it.
 */
interface ClientInternals extends NodeJS.EventEmitter {
  readonly conn: TLSSocket;
  readonly opts: { servername?: string };
  _resetConnection(): void;
}

export interface MeasuredConnection {
  /** The name that was asked for. */
  readonly name: string;
  /** SHA-256 of the leaf that was shown, lower-case hex. */
  readonly fingerprint256: string;
  /** From connecting to the end of the answer. */
  readonly elapsedMs: number;
}

export interface PerConnectionOptions {
  /** The name to ask for in the next handshake. */
  readonly nextName: () => string;
  /** Called for each connection that got an answer. */
  readonly onConnection: (connection: MeasuredConnection) => void;
}

/**
 * A `setupClient` for autocannon with `reconnectRate: 1`: every request on a connection of its own,
 * each with the next name.
 */
export function perConnection({ nextName, onConnection }: PerConnectionOptions) {
  return (client: Client): void => {
    // A plain object of autocannon's class: the fields are there, only not in its published types.
    const internals = client as NodeJS.EventEmitter as ClientInternals;
    const reconnect = internals._resetConnection.bind(internals);
    let startedAt = process.hrtime.bigint();
    let status = 0;
    let bytes = 0;
    internals.opts.servername = nextName();
    // 'request' is emitted by the constructor's and each later connect, before the handshake.
    internals.on('request', () => {
      startedAt = process.hrtime.bigint();
      bytes = 0;
    });
    internals.on('headers', ({ statusCode }: { readonly statusCode: number }) => {
      status = statusCode;
    });
    internals.on('body', (body: Buffer) => {
      bytes += body.length;
    });
    internals._resetConnection = () => {
      const elapsedMs = Number(process.hrtime.bigint() - startedAt) / 1e6;
      const { fingerprint256 } = internals.conn.getPeerCertificate();
      onConnection({
        name: internals.opts.servername ?? '',
        fingerprint256: fingerprint256.replaceAll(':', '').toLowerCase(),
        elapsedMs,
      });
      internals.emit('response', status, bytes, elapsedMs, undefined);
      internals.opts.servername = nextName();
      reconnect();
    };
  };
}
