import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import { rmSync } from 'node:fs';
import type { Downstream } from '../proxy/client/downstream.js';
import type { ListenerGateway } from '../proxy/gateway.js';
import { WebSocketRoute } from '../proxy/web-socket/web-socket-route.js';
import type { ConnectionLimit } from './connection-limit.js';
import { type AppDescriptor, createTlsApp, type EngineApp } from './engine.js';
import type { KeyFile } from './key-file.js';
import { SolePeer } from './sole-peer.js';
import { teachUpgradeContext } from './upgrade-context.js';

export interface TlsAppOptions {
  /** Chain and key of the default certificate; `undefined`: handshakes without a name's context fail. */
  readonly defaultPem: string | undefined;
  readonly ciphers: string;
  readonly keyFile: KeyFile;
  readonly gateway: ListenerGateway;
  readonly limit: ConnectionLimit;
  /** Port that clients see. */
  readonly port: number;
}

/** Who has the app now: apps outlive the generations they serve. */
export interface TlsAppOwner {
  /** Runs inside a handshake: synchronous, and nothing may write to a connection (see `add`). */
  serverNameMissing(sni: string): void;
  /** The last HTTP connection is closing: the engine is in the middle of it. */
  emptied(): void;
}

const removalBatch = 16;

/**
 * One engine app with a context per server name. An app lives as long as its thread: the engine
 * never frees one (about 30 KB), so apps are used again once they are empty.
 */
export class TlsApp {
  readonly descriptor: AppDescriptor;
  readonly socketPath: string;
  owner: TlsAppOwner | undefined;
  /** Whether its connections are to be closed after the answer under way. */
  isDraining = false;
  readonly #app: EngineApp;
  readonly #options: TlsAppOptions;
  readonly #names = new Set<string>();
  readonly #answerDefault: (res: HttpResponse, req: HttpRequest) => void;
  readonly #webSocket = new WebSocketRoute((change) => this.#countWebSocket(change));
  readonly #solePeer = new SolePeer();
  /** Resolves when WebSockets can be taken, or never will be; before it connections should not come. */
  readonly ready: Promise<void>;
  #connections = 0;
  #webSockets = 0;
  #lastWebSocketClosed: (() => void) | undefined;
  #accepted = 0;
  #contextsBuilt = 0;

  /** @param socketPath where this thread makes test handshakes with the app, until it is closed. */
  constructor(options: TlsAppOptions, socketPath: string) {
    this.#options = options;
    this.socketPath = socketPath;
    const { defaultPem, ciphers, keyFile } = options;
    // The default context must be sound, or the constructor throws; names fail silently (see `add`).
    this.#app =
      defaultPem === undefined
        ? createTlsApp(undefined, ciphers)
        : keyFile.expose(defaultPem, (pemPath) => createTlsApp({ pemPath }, ciphers));
    this.descriptor = this.#app.getDescriptor();
    const { gateway } = options;
    this.#answerDefault = this.#answering(undefined);
    this.#app.ws('/*', gateway.webSocketBehavior(this.#webSocket, this.#downstream(undefined)));
    this.#app.any('/*', this.#answerDefault);
    this.#app.missingServerName((sni) => this.owner?.serverNameMissing(sni));
    this.#app.filter((connection, change) => this.#track(connection, Number(change)));
    this.#app.listen_unix((listening) => {
      if (!listening) throw new Error(`can't listen on ${socketPath}`);
    }, socketPath);
    // Without a default certificate no handshake reaches the default router, where the route is.
    this.ready = defaultPem === undefined ? Promise.resolve() : teachUpgradeContext(socketPath);
  }

  /** HTTP connections that are open. WebSockets are none: they don't use the routers any more. */
  get connections(): number {
    return this.#connections;
  }

  /** Connections ever taken. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Contexts ever made. */
  get contextsBuilt(): number {
    return this.#contextsBuilt;
  }

  get contexts(): number {
    return this.#names.size;
  }

  has(spelling: string): boolean {
    return this.#names.has(spelling);
  }

  /**
   * Makes a context for a name, which serves the very handshake that asks for it. The engine says
   * nothing when it can't load the pair: it then asks for the name again at the next handshake.
   *
   * @param spelling no wildcard: removing a name frees the router of a wildcard that covers it, so
   *   the engine is never given one.
   * @param fallbackPem is shown instead if `pem` can't be loaded.
   */
  add(spelling: string, serverName: string, pem: string, fallbackPem?: string): void {
    this.#load(spelling, pem);
    // The engine keeps the first pair of a name that it could load, and says nothing about that either.
    // The one it does not take costs 3.4 KB until the thread ends.
    if (fallbackPem !== undefined) this.#load(spelling, fallbackPem);
    this.#app.domain(spelling).any('/*', this.#answering(serverName));
    // After a failed add the line above has replaced the default router's handler: this puts it
    // back. It also leaves no name browsed, as `any` after the name's removal writes to freed memory.
    this.#app.domain('').any('/*', this.#answerDefault);
    this.#names.add(spelling);
    this.#contextsBuilt += 1;
  }

  /**
   * Frees every context, in small batches between which the loop turns. Only for an app without HTTP
   * connections: a request on one would be answered by a freed router, that is by another host's handler.
   */
  async removeAll(): Promise<void> {
    this.#app.domain('');
    let batch = 0;
    for (const name of this.#names) {
      if (this.#connections > 0) throw new Error('a TLS app with connections keeps its names');
      // Verbatim as added, and once: a name that is not registered must not be removed.
      this.#app.removeServerName(name);
      this.#names.delete(name);
      batch += 1;
      if (batch % removalBatch === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /**
   * Cuts every connection and stops listening. Must have been called on all apps before their thread
   * ends: the loop check at a thread's end aborts the process if a socket is open.
   */
  close(): void {
    this.#lastWebSocketClosed = undefined;
    this.#app.close();
    rmSync(this.socketPath, { force: true });
  }

  /**
   * The same for an app that is given up while WebSockets are open: they outlive the rotations of
   * certificates, and their end closes the app.
   *
   * @param closed called then; until then `close` must still be called before the thread ends.
   */
  closeAfterWebSockets(closed: () => void): void {
    const finish = () => {
      this.close();
      closed();
    };
    if (this.#webSockets === 0) finish();
    else this.#lastWebSocketClosed = finish;
  }

  #load(spelling: string, pem: string): void {
    const { keyFile, ciphers } = this.#options;
    keyFile.expose(pem, (path) => {
      // Always both file names: without them every handshake for the name fails. And the ciphers
      // again: the list that counts is that of the name's context, not of the app.
      this.#app.addServerName(spelling, {
        cert_file_name: path,
        key_file_name: path,
        ssl_ciphers: ciphers,
      });
    });
  }

  #answering(serverName: string | undefined): (res: HttpResponse, req: HttpRequest) => void {
    const { gateway } = this.#options;
    const downstream = this.#downstream(serverName);
    return (res, req) => gateway.handle(res, req, downstream);
  }

  #downstream(serverName: string | undefined): Downstream {
    const { port } = this.#options;
    const isDraining = () => this.isDraining;
    return {
      scheme: 'https',
      port,
      serverName,
      isDraining,
      solePeer: this.#solePeer,
      webSocket: this.#webSocket,
    };
  }

  /** The engine's filter never counts a connection down that became a WebSocket. */
  #countWebSocket(change: 1 | -1): void {
    this.#webSockets += change;
    if (change > 0) {
      this.#count(-1);
      return;
    }
    this.#options.limit.closed();
    if (this.#webSockets === 0) {
      // Not from here: the engine is in the middle of closing the socket.
      setImmediate(() => {
        if (this.#webSockets === 0) this.#lastWebSocketClosed?.();
      });
    }
  }

  /** The engine tells of a connection when it is accepted, and when it closes. */
  #track(connection: HttpResponse, change: number): void {
    const { limit } = this.#options;
    this.#count(change);
    if (change > 0) {
      this.#solePeer.joined(connection);
      limit.opened(connection);
    } else {
      limit.closed();
    }
  }

  #count(change: number): void {
    this.#connections += change;
    if (change > 0) {
      this.#accepted += 1;
      return;
    }
    this.#solePeer.left();
    if (this.#connections === 0) this.owner?.emptied();
  }
}
