import { connect as connectTcp, type OnReadOpts, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, type SecureContext } from 'node:tls';
import type { UpstreamTarget } from '../../routing/upstream-target.js';
import { kindOfSocketError } from '../proxy-error.js';
import { type ExpectedResponse, ResponseParser } from './response-parser.js';
import type { ConnectionFailure, TunnelReceiver, UpstreamReceiver } from './upstream-receiver.js';

/** The pool that a connection belongs to; `closed` is called once, and last. */
export interface ConnectionOwner {
  connected(connection: UpstreamConnection): void;
  /** A final response has begun. */
  answered(status: number): void;
  /** May serve another request. */
  released(connection: UpstreamConnection): void;
  /** @param failure what ended it; `undefined` if that was wanted, or after an upgrade. */
  closed(connection: UpstreamConnection, failure: ConnectionFailure | undefined): void;
}

export interface ConnectionOptions {
  readonly target: UpstreamTarget;
  readonly address: string;
  readonly port: number;
  /** For https; made once for many connections: it holds the parsed roots. */
  readonly secureContext: SecureContext | undefined;
  readonly verifyCertificate: boolean;
  readonly maxResponseHeadBytes: number;
  readonly now: () => number;
  readonly owner: ConnectionOwner;
}

/** Silence after which the kernel asks whether the peer is still there; left to itself, 2 hours. */
const keepAliveProbeAfterMs = 30_000;

/** For the peer's FIN after ours. */
const closeTimeoutMs = 5_000;

/**
 * Where every socket of this thread reads into. Safe to share because a read is consumed before its
 * callback returns: nothing may keep a view of it.
 */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

/** One HTTP/1.1 connection to an upstream, serving one exchange at a time. */
export class UpstreamConnection {
  readonly #owner: ConnectionOwner;
  readonly address: string;
  readonly #port: number;
  readonly #socket: Socket;
  readonly #parser: ResponseParser;
  readonly #now: () => number;
  readonly #execute = () => {
    this.#parser.execute(readBuffer, this.#inputLength);
    this.#receiver?.settled();
  };
  #inputLength = 0;
  #receiver: UpstreamReceiver | undefined;
  #isUpgraded = false;
  #tunnel: TunnelReceiver | undefined;
  #state: 'connecting' | 'open' | 'closed' = 'connecting';
  #isPaused = false;
  #requestComplete = false;
  /** Whether a byte of the response has come. */
  #hasAnswered = false;
  #persistent = false;
  /** Exchanges served before the present one. */
  exchanges = 0;
  /** When it was made, or last brought something. */
  readAt = 0;
  /** When an unused connection is to be closed. */
  expiresAt = 0;
  /** What the upstream said about keeping it open. */
  keepAliveMs: number | undefined;

  constructor(options: ConnectionOptions) {
    const { target, address, port, maxResponseHeadBytes, now, owner } = options;
    this.#owner = owner;
    this.#now = now;
    this.address = address;
    this.#port = port;
    this.#parser = new ResponseParser(
      {
        informational: () => undefined,
        head: (head) => {
          this.#persistent = head.persistent;
          this.keepAliveMs = head.keepAliveMs;
          this.#owner.answered(head.status);
          this.#receiver?.head(head);
        },
        body: (piece) => this.#receiver?.body(piece),
        complete: () => this.#complete(),
        upgraded: (head, rest) => {
          this.#isUpgraded = true;
          this.#owner.answered(head.status);
          this.#receiver?.upgraded(head, rest);
        },
        malformed: (reason) => {
          this.#close({ kind: 'http_protocol_error', detail: reason });
        },
        cut: () => {
          this.#brokenOff('closed before the end of the response');
        },
      },
      { maxHeadBytes: maxResponseHeadBytes },
    );
    const onread: OnReadOpts = {
      buffer: readBuffer,
      callback: (length) => {
        this.#read(length);
        return true;
      },
    };
    const common = {
      host: address,
      port,
      onread,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveProbeAfterMs,
    };
    this.#socket = target.secure
      ? connectTls({
          ...common,
          servername: isAddress(target.hostname) ? '' : target.hostname,
          // Without a server name Node would take the address that was connected to.
          checkServerIdentity: (_, certificate) => {
            return checkServerIdentity(target.hostname, certificate);
          },
          ALPNProtocols: ['http/1.1'],
          rejectUnauthorized: options.verifyCertificate,
          ...(options.secureContext !== undefined && { secureContext: options.secureContext }),
        })
      : connectTcp(common);
    this.#socket.once(target.secure ? 'secureConnect' : 'connect', () => this.#connected());
    this.#socket.on('drain', () => this.#receiver?.drained());
    this.#socket.on('end', () => this.#ended());
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      const kind = kindOfSocketError(error.code, this.#state === 'connecting');
      const detail = error.code ?? error.message;
      if (kind === 'connection_terminated') this.#brokenOff(detail);
      else this.#close({ kind, detail });
    });
    this.#socket.on('close', () => {
      this.#brokenOff('connection closed');
    });
  }

  /** Address and port. */
  get peer(): string {
    const { address } = this;
    return `${address.includes(':') ? `[${address}]` : address}:${this.#port}`;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Bytes written that the kernel has not taken yet. */
  get writableLength(): number {
    return this.#socket.writableLength;
  }

  /** Takes up an exchange: the next bytes from the upstream are its response. */
  begin(receiver: UpstreamReceiver, expected: ExpectedResponse): void {
    this.#receiver = receiver;
    this.#requestComplete = false;
    this.#hasAnswered = false;
    this.#parser.expect(expected);
  }

  /** @returns whether more may be written at once; else `drained` says when. */
  write(data: Buffer | string, encoding: 'latin1' | 'utf8' = 'latin1'): boolean {
    if (this.#state !== 'open') return false;
    return typeof data === 'string' ? this.#socket.write(data, encoding) : this.#socket.write(data);
  }

  /** Joins the writes until `uncork` into one. */
  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  /** The request's last byte has been written. */
  endRequest(): void {
    this.#requestComplete = true;
  }

  pauseReading(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#isPaused = false;
    if (this.#state === 'open') this.#socket.resume();
  }

  /** After `upgraded`: who gets the new protocol's bytes from now on. */
  tunnelTo(receiver: TunnelReceiver): void {
    this.#receiver = undefined;
    this.#tunnel = receiver;
  }

  /** Closes once what was written is sent and the upstream has closed too, or took too long to. */
  end(): void {
    this.#forgetReceiver();
    this.#socket.resume();
    this.#socket.setTimeout(closeTimeoutMs, () => this.#socket.destroy());
    this.#socket.end();
  }

  /**
   * Closes without telling the receiver.
   * @param failure of the upstream, if there was one.
   */
  destroy(failure?: ConnectionFailure): void {
    this.#forgetReceiver();
    this.#close(failure);
  }

  #connected(): void {
    if (this.#state !== 'connecting') return;
    this.#state = 'open';
    this.readAt = this.#now();
    this.#owner.connected(this);
  }

  #read(length: number): void {
    if (this.#state !== 'open') return;
    if (this.#isUpgraded) {
      this.#tunnel?.tunnelled(readBuffer.subarray(0, length));
      return;
    }
    const receiver = this.#receiver;
    this.readAt = this.#now();
    this.#hasAnswered = true;
    this.#inputLength = length;
    if (receiver === undefined) this.#execute();
    else receiver.batch(this.#execute, this.readAt);
  }

  #ended(): void {
    const receiver = this.#receiver;
    if (this.#isUpgraded || receiver === undefined) {
      this.#close({ kind: 'connection_terminated', detail: 'closed by the upstream' });
      return;
    }
    this.#persistent = false;
    this.readAt = this.#now();
    receiver.batch(() => this.#parser.end(), this.readAt);
  }

  #complete(): void {
    const receiver = this.#receiver;
    this.#receiver = undefined;
    this.exchanges++;
    // A client that is slow with the last piece must not keep the next one's answer back.
    if (this.#isPaused) this.resumeReading();
    // Bytes behind the response belong to nothing that was asked for: never reused.
    const reusable = this.#persistent && this.#requestComplete && this.#parser.isIdle;
    if (reusable && this.#state === 'open') this.#owner.released(this);
    else this.#close(undefined);
    receiver?.complete();
  }

  /** `connection_terminated` says that nothing of a response has come. */
  #brokenOff(detail: string): void {
    const kind = this.#hasAnswered ? 'http_response_incomplete' : 'connection_terminated';
    this.#close({ kind, detail });
  }

  #close(failure: ConnectionFailure | undefined): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#socket.destroy();
    const receiver = this.#tunnel ?? this.#receiver;
    this.#forgetReceiver();
    const told = failure && { ...failure, peer: this.peer };
    this.#owner.closed(this, this.#isUpgraded ? undefined : told);
    if (told !== undefined) receiver?.failed(told);
  }

  #forgetReceiver(): void {
    this.#receiver = undefined;
    this.#tunnel = undefined;
  }
}

function isAddress(hostname: string): boolean {
  return hostname.includes(':') || /^[0-9.]+$/.test(hostname);
}
