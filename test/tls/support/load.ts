import type { TLSSocket } from 'node:tls';
import type { ServedCertificate } from '../../../shared/snapshot.js';
import { open, request, type Shown, shownBy } from './client.js';

/** The certificates that one host was given, in order, and up to which one they are acknowledged. */
export class Rotation {
  readonly host: string;
  #acknowledged = -1;
  readonly #order = new Map<string, number>();

  constructor(host: string) {
    this.host = host;
  }

  /** To be called before the certificate is bound: it may be shown from then on. */
  issued(certificate: ServedCertificate): void {
    this.#order.set(certificate.fingerprint256, this.#order.size);
  }

  acknowledged(certificate: ServedCertificate): void {
    this.#acknowledged = this.#order.get(certificate.fingerprint256) ?? this.#acknowledged;
  }

  get position(): number {
    return this.#acknowledged;
  }

  /** What is wrong with a leaf shown to a client that began when `since` was acknowledged. */
  fault(fingerprint256: string, since: number): string | undefined {
    const shown = this.#order.get(fingerprint256);
    if (shown === undefined) return 'default or foreign certificate';
    return shown < since ? `certificate ${shown} after ${since} was acknowledged` : undefined;
  }
}

/** Clients that go on until told to stop, and everything that went wrong for them. */
export class Load {
  readonly faults: string[] = [];
  handshakes = 0;
  resumed = 0;
  requests = 0;
  readonly #port: number;
  readonly #rotation: Rotation;
  #isStopped = false;
  readonly #clients: Promise<void>[] = [];

  constructor(port: number, rotation: Rotation) {
    this.#port = port;
    this.#rotation = rotation;
  }

  /** A new connection for each request; every second one tries to resume. */
  reconnecting(count: number): this {
    return this.#start(count, async (state) => {
      const since = this.#rotation.position;
      const { host } = this.#rotation;
      const socket = await open({
        port: this.#port,
        serverName: host,
        ...(state.session && this.handshakes % 2 === 0 && { session: state.session }),
      });
      const shown = shownBy(socket);
      // A resumed handshake shows none: it counts as what the session began with.
      if (!shown.isResumed) state.fingerprint256 = shown.fingerprint256;
      socket.once('session', (session) => {
        state.session = session;
      });
      try {
        this.#check({ ...shown, fingerprint256: state.fingerprint256 }, since);
        await this.#ask(socket);
      } finally {
        socket.destroy();
      }
    });
  }

  /** Requests on one connection until the server closes it after an answer. */
  keepAlive(count: number): this {
    return this.#start(count, async (state) => {
      const since = this.#rotation.position;
      if (state.socket === undefined) {
        state.socket = await open({ port: this.#port, serverName: this.#rotation.host });
        this.#check(shownBy(state.socket), since);
      }
      const { closes } = await this.#ask(state.socket);
      if (!closes && !this.#isStopped) return;
      state.socket.destroy();
      state.socket = undefined;
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#clients);
  }

  async #ask(socket: TLSSocket): Promise<{ closes: boolean }> {
    const answer = await request(socket, this.#rotation.host);
    this.requests += 1;
    if (answer.status !== 200) this.faults.push(`status ${answer.status}`);
    return answer;
  }

  #check({ fingerprint256, isResumed }: Shown, since: number): void {
    this.handshakes += 1;
    if (isResumed) this.resumed += 1;
    const fault = this.#rotation.fault(fingerprint256, since);
    if (fault !== undefined) this.faults.push(`${isResumed ? 'resumed' : 'full'}: ${fault}`);
  }

  #start(count: number, step: (state: ClientState) => Promise<void>): this {
    for (let n = 0; n < count; n += 1) this.#clients.push(this.#run(step));
    return this;
  }

  async #run(step: (state: ClientState) => Promise<void>): Promise<void> {
    const state: ClientState = { session: undefined, socket: undefined, fingerprint256: '' };
    while (!this.#isStopped) {
      try {
        await step(state);
      } catch (error) {
        this.faults.push(String(error));
        state.socket?.destroy();
        state.socket = undefined;
      }
    }
    state.socket?.destroy();
  }
}

interface ClientState {
  session: Buffer | undefined;
  socket: TLSSocket | undefined;
  /** What the session's first handshake showed. */
  fingerprint256: string;
}
