import { connect, createSecureContext, type TLSSocket } from 'node:tls';

/** One context for all connections: making one costs more than a handshake. */
const secureContext = createSecureContext({});
const request = 'GET / HTTP/1.1\r\nHost: no-api.test\r\n\r\n';

export interface DriveOptions {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  /** The next handshake, asked for when it begins. */
  readonly next: () => Ask;
  /** Take the session of the connection before to the next one. */
  readonly resumes?: boolean;
  /** Handshakes a second, over all connections; without it as many as there can be. */
  readonly rate?: number;
}

export interface Ask {
  readonly name: string;
  /** Judges what was shown; wrong leaves are counted. */
  readonly isExpected?: (fingerprint256: string) => boolean;
}

export interface Driven {
  readonly handshakes: number;
  readonly resumed: number;
  readonly failed: number;
  readonly wrong: number;
  /** From connecting to the end of the handshake. */
  readonly latenciesMs: readonly number[];
  readonly seconds: number;
}

/**
 * A new connection for each request, without a HTTP client in between: it opens, shakes hands, asks,
 * takes the first bytes of the answer and goes.
 */
export async function drive(options: DriveOptions): Promise<Driven> {
  const latenciesMs: number[] = [];
  const counts = { handshakes: 0, resumed: 0, failed: 0, wrong: 0 };
  const startedAt = performance.now();
  const endsAt = startedAt + options.seconds * 1000;
  let issued = 0;

  const client = async () => {
    let session: Buffer | undefined;
    while (performance.now() < endsAt) {
      if (options.rate !== undefined) {
        const due = startedAt + (issued / options.rate) * 1000;
        issued += 1;
        const wait = due - performance.now();
        if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
      }
      const { name, isExpected } = options.next();
      try {
        const outcome = await once(options.port, name, options.resumes ? session : undefined);
        counts.handshakes += 1;
        if (outcome.isResumed) counts.resumed += 1;
        session = outcome.session ?? session;
        latenciesMs.push(outcome.handshakeMs);
        if (isExpected?.(outcome.fingerprint256()) === false) counts.wrong += 1;
        outcome.done();
      } catch {
        counts.failed += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: options.connections }, client));
  return { ...counts, latenciesMs, seconds: (performance.now() - startedAt) / 1000 };
}

/** SHA-256 of the leaf that one handshake shows; `undefined` if it fails. */
export async function shownTo(port: number, name: string): Promise<string | undefined> {
  try {
    const outcome = await once(port, name, undefined);
    const shown = outcome.fingerprint256();
    outcome.done();
    return shown;
  } catch {
    return undefined; // not listening yet, or not any more: the caller tries again
  }
}

interface Outcome {
  readonly handshakeMs: number;
  readonly isResumed: boolean;
  readonly session: Buffer | undefined;
  readonly fingerprint256: () => string;
  readonly done: () => void;
}

function once(port: number, name: string, session: Buffer | undefined): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    let handshakeMs = Number.NaN;
    let latest: Buffer | undefined;
    const socket: TLSSocket = connect({
      host: '127.0.0.1',
      port,
      servername: name,
      rejectUnauthorized: false,
      secureContext,
      ...(session && { session }),
    });
    socket.setNoDelay(true);
    socket.on('session', (next) => {
      latest = next;
    });
    socket.once('secureConnect', () => {
      handshakeMs = performance.now() - startedAt;
      socket.write(request);
    });
    socket.once('data', () =>
      resolve({
        handshakeMs,
        isResumed: socket.isSessionReused(),
        session: latest,
        fingerprint256: () =>
          socket.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase() ?? '',
        done: () => socket.destroy(),
      }),
    );
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed before the answer')));
  });
}
