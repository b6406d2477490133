import { connect, type TLSSocket } from 'node:tls';

export interface Hello {
  readonly port: number;
  readonly serverName?: string;
  readonly session?: Buffer;
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
}

export interface Shown {
  readonly fingerprint256: string;
  readonly isResumed: boolean;
}

/** Connects and completes the handshake. */
export function open({ port, serverName, session, maxVersion }: Hello): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      rejectUnauthorized: false,
      ...(serverName !== undefined && { servername: serverName }),
      ...(session && { session }),
      ...(maxVersion && { maxVersion }),
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed in the handshake')));
    socket.once('secureConnect', () => resolve(socket));
  });
}

export function shownBy(socket: TLSSocket): Shown {
  const leaf = socket.getPeerX509Certificate();
  return {
    fingerprint256: leaf?.fingerprint256.replaceAll(':', '').toLowerCase() ?? '',
    isResumed: socket.isSessionReused(),
  };
}

/** One handshake: what certificate it showed. */
export async function handshake(hello: Hello): Promise<Shown> {
  const socket = await open(hello);
  const shown = shownBy(socket);
  socket.destroy();
  return shown;
}

/** The fingerprint that a client with this SNI is shown. */
export async function leafOf(port: number, serverName?: string): Promise<string> {
  const shown = await handshake(serverName === undefined ? { port } : { port, serverName });
  return shown.fingerprint256;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  /** The server closes the connection after it. */
  readonly closes: boolean;
}

/** One request on an open connection. Answers are framed by Content-Length. */
export function request(socket: TLSSocket, host: string, header = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let text = '';
    const finish = (outcome: () => void) => {
      socket.off('data', onData);
      socket.off('close', onClose);
      socket.off('error', onError);
      outcome();
    };
    const onError = (error: Error) => finish(() => reject(error));
    const onClose = () => finish(() => reject(new Error(`closed after ${text.length} bytes`)));
    const onData = (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end === -1) return;
      const head = text.slice(0, end);
      const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
      const body = text.slice(end + 4);
      if (body.length < length) return;
      const answer = {
        status: Number(head.slice(9, 12)),
        body,
        closes: /^connection: close$/im.test(head),
      };
      finish(() => resolve(answer));
    };
    socket.on('data', onData);
    socket.once('close', onClose);
    socket.once('error', onError);
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n${header}\r\n`);
  });
}
