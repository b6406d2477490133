import { KeptConnection } from './kept-connection.js';

export interface HammerOptions {
  readonly port: number;
  readonly host: string;
  /** Clients that send request after request over one connection. */
  readonly keepAlive: number;
  /** Clients that open a connection for each request. */
  readonly reconnecting: number;
  /** Called for each new connection with the leaf it was shown and when its handshake began. */
  readonly onHandshake: (fingerprint256: string, startedAt: number) => void;
}

export interface HammerReport {
  readonly requests: number;
  readonly handshakes: number;
  /** What went wrong, the first hundred. */
  readonly failures: readonly string[];
}

/** Clients that never pause until `stop`: whatever a change breaks shows up as a failure here. */
export class Hammer {
  readonly #options: HammerOptions;
  readonly #clients: Promise<void>[];
  readonly #failures: string[] = [];
  #requests = 0;
  #handshakes = 0;
  #stopped = false;

  constructor(options: HammerOptions) {
    this.#options = options;
    this.#clients = [
      ...Array.from({ length: options.keepAlive }, () => this.#keepAlive()),
      ...Array.from({ length: options.reconnecting }, () => this.#reconnect()),
    ];
  }

  async stop(): Promise<HammerReport> {
    this.#stopped = true;
    await Promise.all(this.#clients);
    return { requests: this.#requests, handshakes: this.#handshakes, failures: this.#failures };
  }

  async #keepAlive(): Promise<void> {
    const connection = this.#connect();
    while (!this.#stopped) await this.#request(connection);
    if (connection.lost > 0) this.#fail(`a kept connection was lost ${connection.lost} times`);
    connection.close();
  }

  async #reconnect(): Promise<void> {
    while (!this.#stopped) {
      const connection = this.#connect();
      const startedAt = performance.now();
      if (await this.#request(connection)) {
        this.#handshakes++;
        this.#options.onHandshake(connection.leaf, startedAt);
      }
      connection.close();
    }
  }

  #connect(): KeptConnection {
    return new KeptConnection(this.#options.port, this.#options.host);
  }

  async #request(connection: KeptConnection): Promise<boolean> {
    try {
      const status = await connection.get();
      this.#requests++;
      if (status === 200) return true;
      this.#fail(`status ${status}`);
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
    return false;
  }

  #fail(what: string): void {
    if (this.#failures.length < 100) this.#failures.push(what);
  }
}
